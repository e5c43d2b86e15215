// Products of matrices for one kind of vector; product.cc includes this file once for each, in a namespace of its own.
//
// Expects LIANDAN_TARGET (the instructions that functions may use), kLanes (numbers of a vector), kHeight (rows of a tile),
// kDepth (so much of the depth at a time), ReadSome and WriteSome.

typedef float Vector __attribute__((vector_size(4 * kLanes)));

// A tile of the result is so wide at most.
constexpr int64_t kWidth = 2 * kLanes;

// As the strips are copied: row after row, each of which fills one or two lines of the cache.
struct alignas(64) Line {
  float numbers[kWidth];
};

LIANDAN_TARGET inline Vector Read(const float* from) {
  Vector vector;
  memcpy(&vector, from, sizeof(vector));
  return vector;
}

LIANDAN_TARGET inline void Write(Vector vector, float* to) { memcpy(to, &vector, sizeof(vector)); }

// A tile of the result, Rows × Vectors · kLanes numbers.
//
// @param left_stride From one row of the left matrix, or of its transpose, to the next; alike for `right` and the result.
// @param width Columns of the tile that the result has.
template <int Rows, int Vectors, bool IsLeftTransposed, bool IsAdded>
LIANDAN_TARGET void MultiplyTile(int64_t depth, const float* left, int64_t left_stride, const float* right,
                                 int64_t right_stride, float* result, int64_t stride, int64_t width) {
  constexpr int64_t kAll = Vectors * kLanes;
  Vector sums[Rows][Vectors];
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 2
    for (int i = 0; i < Vectors; ++i) {
      const float* from = result + row * stride + i * kLanes;
      sums[row][i] = !IsAdded ? Vector{} : width < kAll ? ReadSome(from, width - i * kLanes) : Read(from);
    }
  }
  for (int64_t k = 0; k < depth; ++k) {
    Vector columns[Vectors];
#pragma GCC unroll 2
    for (int i = 0; i < Vectors; ++i) columns[i] = Read(right + k * right_stride + i * kLanes);
#pragma GCC unroll 16
    for (int row = 0; row < Rows; ++row) {
      const float factor = IsLeftTransposed ? left[k * left_stride + row] : left[row * left_stride + k];
#pragma GCC unroll 2
      for (int i = 0; i < Vectors; ++i) sums[row][i] += factor * columns[i];
    }
  }
#pragma GCC unroll 16
  for (int row = 0; row < Rows; ++row) {
#pragma GCC unroll 2
    for (int i = 0; i < Vectors; ++i) {
      float* to = result + row * stride + i * kLanes;
      if (width < kAll) WriteSome(sums[row][i], to, width - i * kLanes);
      else Write(sums[row][i], to);
    }
  }
}

// The last rows of a strip, fewer than a tile has.
template <int Rows, int Vectors, bool IsLeftTransposed, bool IsAdded, typename... Arguments>
LIANDAN_TARGET void MultiplyRest(int64_t rows, Arguments... arguments) {
  if (rows == Rows) return MultiplyTile<Rows, Vectors, IsLeftTransposed, IsAdded>(arguments...);
  if constexpr (Rows > 1) MultiplyRest<Rows - 1, Vectors, IsLeftTransposed, IsAdded>(rows, arguments...);
}

// Up to Vectors · kLanes columns of the result.
//
// @param next From the rows of the left matrix for one tile to those for the next.
template <int Vectors, bool IsLeftTransposed, bool IsAdded>
LIANDAN_TARGET void MultiplyStrip(int64_t rows, int64_t depth, const float* left, int64_t next, int64_t left_stride,
                                  const float* right, int64_t right_stride, float* result, int64_t stride,
                                  int64_t width) {
  for (; rows >= kHeight; rows -= kHeight, left += next, result += kHeight * stride)
    MultiplyTile<kHeight, Vectors, IsLeftTransposed, IsAdded>(depth, left, left_stride, right, right_stride, result,
                                                              stride, width);
  MultiplyRest<kHeight - 1, Vectors, IsLeftTransposed, IsAdded>(rows, depth, left, left_stride, right, right_stride,
                                                                result, stride, width);
}

template <int Vectors>
auto StripFor(bool is_left_transposed, bool is_added) {
  return is_left_transposed ? (is_added ? MultiplyStrip<Vectors, true, true> : MultiplyStrip<Vectors, true, false>)
                            : (is_added ? MultiplyStrip<Vectors, false, true> : MultiplyStrip<Vectors, false, false>);
}

// Eight rows of eight numbers become columns.
LIANDAN_TARGET inline void Transpose(const float* from, int64_t stride, float* to, int64_t to_stride) {
  Eight a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) memcpy(&a[i], from + i * stride, sizeof(Eight));
#pragma GCC unroll 4
  for (int i = 0; i < 8; i += 2) {
    b[i] = LIANDAN_SHUFFLE(a[i], a[i + 1], 0, 8, 1, 9, 4, 12, 5, 13);
    b[i + 1] = LIANDAN_SHUFFLE(a[i], a[i + 1], 2, 10, 3, 11, 6, 14, 7, 15);
  }
#pragma GCC unroll 2
  for (int i = 0; i < 8; i += 4) {
    for (int j = 0; j < 2; ++j) {
      a[i + 2 * j] = LIANDAN_SHUFFLE(b[i + j], b[i + j + 2], 0, 1, 8, 9, 4, 5, 12, 13);
      a[i + 2 * j + 1] = LIANDAN_SHUFFLE(b[i + j], b[i + j + 2], 2, 3, 10, 11, 6, 7, 14, 15);
    }
  }
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    b[i] = LIANDAN_SHUFFLE(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11);
    b[i + 4] = LIANDAN_SHUFFLE(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    memcpy(to + i * to_stride, &b[i], sizeof(Eight));
    memcpy(to + (i + 4) * to_stride, &b[i + 4], sizeof(Eight));
  }
}

// Lets `width` columns of the right matrix lie row after row, filled up with zeros to `all`.
LIANDAN_TARGET void PackRight(const Product& product, const float* right, int64_t column, int64_t width, int64_t from,
                              int64_t depth, float* packed, int64_t all) {
  if (width < all) memset(packed, 0, 4 * all * depth);
  if (!product.is_right_transposed) {
    const float* row = right + from * product.columns + column;
    for (int64_t k = 0; k < depth; ++k, row += product.columns) {
      if (width == kWidth) memcpy(packed + k * all, row, 4 * kWidth);
      else memcpy(packed + k * all, row, 4 * width);
    }
    return;
  }
  const float* start = right + column * product.depth + from;
  for (int64_t j = 0; j < width; j += 8) {
    int64_t k = 0;
    if (j + 8 <= width) {
      for (; k + 8 <= depth; k += 8)
        Transpose(start + j * product.depth + k, product.depth, packed + k * all + j, all);
    }
    for (int64_t i = j; i < std::min(j + 8, width); ++i)
      for (int64_t l = k; l < depth; ++l) packed[l * all + i] = start[i * product.depth + l];
  }
}

// Lets each kHeight columns of a transposed left matrix lie row after row.
LIANDAN_TARGET void PackLeft(const Product& product, const float* left, int64_t row, int64_t rows, int64_t from,
                             int64_t depth, float* packed) {
  for (int64_t start = 0; start < rows; start += kHeight, packed += kHeight * depth) {
    const float* column = left + from * product.rows + row + start;
    const int64_t height = std::min(kHeight, rows - start);
    for (int64_t k = 0; k < depth; ++k, column += product.rows) {
      if (height == kHeight) memcpy(packed + k * kHeight, column, 4 * kHeight);
      else memcpy(packed + k * kHeight, column, 4 * height);
    }
  }
}

// Some rows and columns of one result.
LIANDAN_TARGET void MultiplyPart(const Product& product, const float* left, const float* right, float* result,
                                 Range all_rows, Range all_columns) {
  static thread_local std::vector<Line> packed_left, packed_right;
  const int64_t stride = product.columns;
  if (product.depth == 0) {
    for (int64_t row = all_rows.begin; row < all_rows.end; ++row)
      std::fill(result + row * stride + all_columns.begin, result + row * stride + all_columns.end, 0.f);
  }
  const bool is_left_packed = product.is_left_transposed && all_columns.end - all_columns.begin > kFewColumns;
  for (int64_t k = 0; k < product.depth; k += kDepth) {
    const int64_t depth = std::min(kDepth, product.depth - k);
    for (int64_t row = all_rows.begin; row < all_rows.end; row += kRows) {
      const int64_t rows = std::min(kRows, all_rows.end - row);
      const float* factors = product.is_left_transposed ? left + k * product.rows + row : left + row * product.depth + k;
      int64_t next = product.is_left_transposed ? kHeight : kHeight * product.depth;
      int64_t left_stride = product.is_left_transposed ? product.rows : product.depth;
      if (is_left_packed) {
        packed_left.resize((rows + kHeight) * depth / kWidth + 1);
        float* packed = packed_left.data()->numbers;
        PackLeft(product, left, row, rows, k, depth, packed);
        factors = packed;
        next = kHeight * depth;
        left_stride = kHeight;
      }
      const bool is_right_packed = product.is_right_transposed ||
                                   (rows > kFewRows && product.columns * product.depth > kFewNumbers);
      for (int64_t column = all_columns.begin; column < all_columns.end; column += kWidth) {
        const int64_t width = std::min(kWidth, all_columns.end - column);
        const int64_t all = width > kLanes ? kWidth : kLanes;
        const auto multiply = [&](int64_t done, int64_t depth, const float* strip, int64_t right_stride) {
          const bool is_added = k + done > 0;
          const auto by_strip = all > kLanes ? StripFor<2>(product.is_left_transposed, is_added)
                                             : StripFor<1>(product.is_left_transposed, is_added);
          by_strip(rows, depth, factors + done * (product.is_left_transposed ? left_stride : 1), next, left_stride, strip,
                   right_stride, result + row * stride + column, stride, width);
        };
        // Where they lie: of vectors that reach beyond their row, not those beyond the matrix.
        int64_t done = 0;
        if (!is_right_packed) {
          const int64_t left_over = (product.depth - k) * product.columns - column - all;
          done = left_over < 0 ? 0 : std::min(depth, left_over / product.columns + 1);
          if (done > 0) multiply(0, done, right + k * product.columns + column, product.columns);
        }
        if (done == depth) continue;
        packed_right.resize(depth);
        float* packed = packed_right.data()->numbers;
        PackRight(product, right, column, width, k + done, depth - done, packed, all);
        multiply(done, depth - done, packed, all);
      }
    }
  }
}

inline constexpr Kernel kernel{kHeight, kWidth, MultiplyPart};

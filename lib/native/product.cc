// The way of Goto and van de Geijn (Anatomy of high-performance matrix multiplication, 2008): tiles of the result stay in
// registers, a strip of the right matrix in the first cache, a block of the left one in the second.
#include "product.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "xla/ffi/api/ffi.h"

namespace xla::ffi {
const XLA_FFI_Api* GetXlaFfiApi();
}

#if defined(__x86_64__)
#define LIANDAN_TARGET __attribute__((target("avx2,fma")))
#else
#define LIANDAN_TARGET
#endif

namespace liandan {

namespace {

constexpr int kLanes = 8;
typedef float Vector __attribute__((vector_size(4 * kLanes)));
#if defined(__clang__)
#define LIANDAN_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int32_t Indices __attribute__((vector_size(4 * kLanes)));
#define LIANDAN_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Indices){__VA_ARGS__})
#endif

// A tile of the result: with four rows of two vectors, sums, columns and factors fit into 16 registers.
constexpr int64_t kHeight = 4;
constexpr int64_t kWidth = 2 * kLanes;
// So much of the depth at a time: a strip of so many rows of the right matrix takes 32 kB.
constexpr int64_t kDepth = 512;
// Rows of the left matrix at a time: with kDepth, 384 kB.
constexpr int64_t kRows = 192;
// Of a right matrix that has at most so many numbers, or of one that meets so few rows, no strips are copied.
constexpr int64_t kFewNumbers = 8192;
constexpr int64_t kFewRows = 48;
// A left matrix that is transposed is not copied for so few columns.
constexpr int64_t kFewColumns = 2 * kWidth;

// A product of fewer operations is not shared among threads, nor divided into smaller portions.
constexpr double kOperationsToShare = 2e6;
constexpr double kOperationsOfPortion = 0.5e6;

// As the strips are copied: row after row, each of which fills a line of the cache.
struct alignas(4 * kWidth) Line {
  float numbers[kWidth];
};

LIANDAN_TARGET inline Vector Read(const float* from) {
  Vector vector;
  memcpy(&vector, from, sizeof(vector));
  return vector;
}

LIANDAN_TARGET inline void Write(Vector vector, float* to) { memcpy(to, &vector, sizeof(vector)); }

// A tile of the result, Rows × 16 numbers.
//
// @param left_stride From one row of the left matrix, or of its transpose, to the next; alike for `right` and the result.
// @param width Columns of the tile that the result has.
template <int Rows, bool IsLeftTransposed, bool IsAdded>
LIANDAN_TARGET void MultiplyTile(int64_t depth, const float* left, int64_t left_stride, const float* right,
                                 int64_t right_stride, float* result, int64_t stride, int64_t width) {
  Vector sums[Rows][2];
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
    float whole[kWidth] = {};
    const float* from = result + row * stride;
    if (IsAdded && width < kWidth) from = static_cast<float*>(memcpy(whole, from, 4 * width));
    sums[row][0] = IsAdded ? Read(from) : Vector{};
    sums[row][1] = IsAdded ? Read(from + kLanes) : Vector{};
  }
  for (int64_t k = 0; k < depth; ++k) {
    const Vector first = Read(right + k * right_stride), second = Read(right + k * right_stride + kLanes);
#pragma GCC unroll 4
    for (int row = 0; row < Rows; ++row) {
      const float factor = IsLeftTransposed ? left[k * left_stride + row] : left[row * left_stride + k];
      sums[row][0] += factor * first;
      sums[row][1] += factor * second;
    }
  }
#pragma GCC unroll 4
  for (int row = 0; row < Rows; ++row) {
    float whole[kWidth];
    float* to = width == kWidth ? result + row * stride : whole;
    Write(sums[row][0], to);
    Write(sums[row][1], to + kLanes);
    if (width < kWidth) memcpy(result + row * stride, whole, 4 * width);
  }
}

// Up to sixteen columns of the result.
//
// @param next From four rows of the left matrix to the next four.
template <bool IsLeftTransposed, bool IsAdded>
LIANDAN_TARGET void MultiplyStrip(int64_t rows, int64_t depth, const float* left, int64_t next, int64_t left_stride,
                                  const float* right, int64_t right_stride, float* result, int64_t stride,
                                  int64_t width) {
  for (int64_t row = 0; row < rows; row += kHeight, left += next, result += kHeight * stride) {
    const auto multiply = [&](auto tile) {
      tile(depth, left, left_stride, right, right_stride, result, stride, width);
    };
    switch (rows - row) {
      case 1: multiply(MultiplyTile<1, IsLeftTransposed, IsAdded>); break;
      case 2: multiply(MultiplyTile<2, IsLeftTransposed, IsAdded>); break;
      case 3: multiply(MultiplyTile<3, IsLeftTransposed, IsAdded>); break;
      default: multiply(MultiplyTile<kHeight, IsLeftTransposed, IsAdded>);
    }
  }
}

// Eight rows of eight numbers become columns.
LIANDAN_TARGET inline void Transpose(const float* from, int64_t stride, float* to, int64_t to_stride) {
  Vector a[8], b[8];
#pragma GCC unroll 8
  for (int i = 0; i < 8; ++i) a[i] = Read(from + i * stride);
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
    Write(LIANDAN_SHUFFLE(a[i], a[i + 4], 0, 1, 2, 3, 8, 9, 10, 11), to + i * to_stride);
    Write(LIANDAN_SHUFFLE(a[i], a[i + 4], 4, 5, 6, 7, 12, 13, 14, 15), to + (i + 4) * to_stride);
  }
}

// Lets up to sixteen columns of the right matrix lie row after row, filled up with zeros.
LIANDAN_TARGET void PackRight(const Product& product, const float* right, int64_t column, int64_t width, int64_t from,
                              int64_t depth, float* packed) {
  if (width < kWidth) memset(packed, 0, 4 * kWidth * depth);
  if (!product.is_right_transposed) {
    const float* row = right + from * product.columns + column;
    for (int64_t k = 0; k < depth; ++k, row += product.columns) {
      if (width == kWidth) memcpy(packed + k * kWidth, row, 4 * kWidth);
      else memcpy(packed + k * kWidth, row, 4 * width);
    }
    return;
  }
  const float* start = right + column * product.depth + from;
  for (int64_t j = 0; j < width; j += kLanes) {
    int64_t k = 0;
    if (j + kLanes <= width) {
      for (; k + kLanes <= depth; k += kLanes)
        Transpose(start + j * product.depth + k, product.depth, packed + k * kWidth + j, kWidth);
    }
    for (int64_t i = j; i < std::min(j + kLanes, width); ++i)
      for (int64_t l = k; l < depth; ++l) packed[l * kWidth + i] = start[i * product.depth + l];
  }
}

// Lets each four columns of a transposed left matrix lie row after row.
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

struct Range {
  int64_t begin;
  int64_t end;
};

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
      const auto multiply = product.is_left_transposed ? (k > 0 ? MultiplyStrip<true, true> : MultiplyStrip<true, false>)
                                                       : (k > 0 ? MultiplyStrip<false, true> : MultiplyStrip<false, false>);
      const bool is_right_packed = product.is_right_transposed ||
                                   (rows > kFewRows && product.columns * product.depth > kFewNumbers);
      for (int64_t column = all_columns.begin; column < all_columns.end; column += kWidth) {
        const int64_t width = std::min(kWidth, all_columns.end - column);
        const float* strip = right + k * product.columns + column;
        int64_t right_stride = product.columns;
        // A whole vector cannot be read at the end of a row.
        if (is_right_packed || width < kWidth) {
          packed_right.resize(depth);
          float* packed = packed_right.data()->numbers;
          PackRight(product, right, column, width, k, depth, packed);
          strip = packed;
          right_stride = kWidth;
        }
        multiply(rows, depth, factors, next, left_stride, strip, right_stride, result + row * stride + column, stride,
                 width);
      }
    }
  }
}

// The n-th of `parts` parts of about the same size, whose borders are multiples of `unit`.
Range PartOf(int64_t size, int64_t unit, int64_t parts, int64_t n) {
  const int64_t units = (size + unit - 1) / unit;
  return {std::min(size, units * n / parts * unit), std::min(size, units * (n + 1) / parts * unit)};
}

// What threads do together: each takes the next portion until there is none.
class Portions {
 public:
  Portions(int64_t count, std::function<void(int64_t)> compute) : count_(count), compute_(std::move(compute)) {}

  void Take() {
    for (int64_t n = taken_++; n < count_; n = taken_++) {
      compute_(n);
      ++done_;
    }
  }

  // Those that others have taken.
  void Wait() const {
    while (done_ < count_) std::this_thread::yield();
  }

 private:
  const int64_t count_;
  const std::function<void(int64_t)> compute_;
  std::atomic<int64_t> taken_{0}, done_{0};
};

}  // namespace

bool CanMultiply() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
  return true;
#endif
}

void Multiply(const Product& product, const float* left, const float* right, float* result, const Helpers& helpers) {
  const int64_t rows = product.rows, columns = product.columns, depth = product.depth;
  const bool is_high = rows > columns;
  // Each result in so many parts, across its longer side, so that little of the factors is copied by several threads.
  const auto multiply = [=](int64_t n, int64_t parts, int64_t part) {
    MultiplyPart(product, left + n * rows * depth, right + n * depth * columns, result + n * rows * columns,
                 is_high ? PartOf(rows, kHeight, parts, part) : Range{0, rows},
                 is_high ? Range{0, columns} : PartOf(columns, kWidth, parts, part));
  };
  const double operations = 2. * rows * columns * depth;
  if (helpers.count == 0 || operations * product.count < kOperationsToShare) {
    for (int64_t n = 0; n < product.count; ++n) multiply(n, 1, 0);
    return;
  }
  const int64_t wanted =
      std::min<int64_t>(2 * (helpers.count + 1), operations * product.count / kOperationsOfPortion);
  const int64_t parts = std::max<int64_t>(1, (wanted + product.count - 1) / product.count);
  const int64_t portions = std::min(wanted, parts * product.count);
  const auto work = std::make_shared<Portions>(portions, [=](int64_t portion) {
    const Range range = PartOf(parts * product.count, 1, portions, portion);
    for (int64_t n = range.begin; n < range.end; ++n) multiply(n / parts, parts, n % parts);
  });
  for (int64_t i = 0; i < std::min(helpers.count, portions - 1); ++i) helpers.schedule([work] { work->Take(); });
  work->Take();
  work->Wait();
}

namespace {

using Matrices = xla::ffi::Buffer<xla::ffi::F32>;

xla::ffi::Error Call(xla::ffi::ThreadPool pool, Matrices left, Matrices right, bool is_left_transposed,
                     bool is_right_transposed, xla::ffi::Result<Matrices> result) {
  const auto sizes = result->dimensions(), left_sizes = left.dimensions();
  const size_t axes = sizes.size();
  Product product{1, sizes[axes - 2], sizes[axes - 1], left_sizes[is_left_transposed ? axes - 2 : axes - 1],
                  is_left_transposed, is_right_transposed};
  for (size_t axis = 0; axis < axes - 2; ++axis) product.count *= sizes[axis];
  const Helpers helpers{pool.num_threads() - 1, [&](std::function<void()> task) { pool.Schedule(std::move(task)); }};
  Multiply(product, left.typed_data(), right.typed_data(), result->typed_data(), helpers);
  return xla::ffi::Error::Success();
}

XLA_FFI_DEFINE_HANDLER(handler, Call,
                       xla::ffi::Ffi::Bind()
                           .Ctx<xla::ffi::ThreadPool>()
                           .Arg<Matrices>()
                           .Arg<Matrices>()
                           .Attr<bool>("is_left_transposed")
                           .Attr<bool>("is_right_transposed")
                           .Ret<Matrices>());
XLA_FFI_REGISTER_HANDLER(xla::ffi::GetXlaFfiApi(), kMultiply, "Host", handler);

}  // namespace

}  // namespace liandan

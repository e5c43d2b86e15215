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

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace liandan {

namespace {

struct Range {
  int64_t begin;
  int64_t end;
};

// What computes some rows and columns of one result. Parts begin at multiples of `height` and `width`.
struct Kernel {
  int64_t height;
  int64_t width;
  void (*multiply)(const Product& product, const float* left, const float* right, float* result, Range rows,
                   Range columns);
};

// Rows of the left matrix at a time: with the depth at a time, 192 to 384 kB.
constexpr int64_t kRows = 192;
// Of a right matrix that has at most so many numbers, or of one that meets so few rows, no strips are copied.
constexpr int64_t kFewNumbers = 8192;
constexpr int64_t kFewRows = 48;
// A left matrix that is transposed is not copied for so few columns.
constexpr int64_t kFewColumns = 32;

// A product of fewer operations is not shared among threads, nor divided into smaller portions.
constexpr double kOperationsToShare = 2e6;
constexpr double kOperationsOfPortion = 0.5e6;

typedef float Eight __attribute__((vector_size(32)));
typedef int32_t Indices __attribute__((vector_size(32)));
constexpr Indices kPlaces = {0, 1, 2, 3, 4, 5, 6, 7};
#if defined(__clang__)
#define LIANDAN_SHUFFLE(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define LIANDAN_SHUFFLE(a, b, ...) __builtin_shuffle(a, b, (Indices){__VA_ARGS__})
#endif

// Both kinds: the first `count` numbers of a vector, and nothing of the memory behind them.
#if defined(__x86_64__)
#define LIANDAN_TARGET __attribute__((target("avx2,fma")))
#else
#define LIANDAN_TARGET
#endif
namespace eight {
constexpr int kLanes = 8;
// With four rows of two vectors, sums, columns and factors fit into 16 registers.
constexpr int64_t kHeight = 4;
// A strip of the right matrix takes 32 kB.
constexpr int64_t kDepth = 512;

LIANDAN_TARGET inline Eight ReadSome(const float* from, int64_t count) {
#if defined(__x86_64__)
  return _mm256_maskload_ps(from, (__m256i)(kPlaces < (int32_t)count));
#else
  Eight vector{};
  memcpy(&vector, from, 4 * std::min<int64_t>(count, 8));
  return vector;
#endif
}

LIANDAN_TARGET inline void WriteSome(Eight vector, float* to, int64_t count) {
#if defined(__x86_64__)
  _mm256_maskstore_ps(to, (__m256i)(kPlaces < (int32_t)count), vector);
#else
  memcpy(to, &vector, 4 * std::min<int64_t>(count, 8));
#endif
}

#include "tiles.h"
}  // namespace eight
#undef LIANDAN_TARGET

#if defined(__x86_64__)
#define LIANDAN_TARGET __attribute__((target("avx512f,avx512vl,avx512dq,avx512bw,avx2,fma")))
namespace sixteen {
constexpr int kLanes = 16;
// Of 32 registers; twelve and fourteen rows are slower.
constexpr int64_t kHeight = 8;
constexpr int64_t kDepth = 256;

LIANDAN_TARGET inline __mmask16 First(int64_t count) { return (1u << std::min<int64_t>(count, 16)) - 1; }

LIANDAN_TARGET inline __m512 ReadSome(const float* from, int64_t count) {
  return _mm512_maskz_loadu_ps(First(count), from);
}

LIANDAN_TARGET inline void WriteSome(__m512 vector, float* to, int64_t count) {
  _mm512_mask_storeu_ps(to, First(count), vector);
}

#include "tiles.h"
}  // namespace sixteen
#undef LIANDAN_TARGET
#endif

const Kernel& BestKernel() {
#if defined(__x86_64__)
  static const bool has_sixteen = HasWideVectors();
  if (has_sixteen) return sixteen::kernel;
#endif
  return eight::kernel;
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

bool HasWideVectors() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512bw");
#else
  return false;
#endif
}

void Multiply(const Product& product, const float* left, const float* right, float* result, const Helpers& helpers) {
  const Kernel& kernel = BestKernel();
  const int64_t rows = product.rows, columns = product.columns, depth = product.depth;
  const bool is_high = rows > columns;
  // Each result in so many parts, across its longer side, so that little of the factors is copied by several threads.
  const auto multiply = [=, &kernel](int64_t n, int64_t parts, int64_t part) {
    kernel.multiply(product, left + n * rows * depth, right + n * depth * columns, result + n * rows * columns,
                    is_high ? PartOf(rows, kernel.height, parts, part) : Range{0, rows},
                    is_high ? Range{0, columns} : PartOf(columns, kernel.width, parts, part));
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

}  // namespace liandan

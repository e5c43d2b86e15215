// Multiplies matrices of many shapes by each kernel and by Multiply on one and two threads, and compares all numbers with
// sums in the order of the depth, bit by bit. All matrices end where memory ends: what is read or written behind them ends
// the process. Prints the kernels and how many products were right.
#include "../../native/product.cc"

#include <sys/mman.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>

namespace {

// Numbers, behind which no memory is.
class Guarded {
 public:
  explicit Guarded(int64_t count) {
    const size_t page = sysconf(_SC_PAGESIZE), bytes = 4 * count;
    size_ = (bytes + page - 1) / page * page + page;
    start_ = static_cast<char*>(mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    mprotect(start_ + size_ - page, page, PROT_NONE);
    data = reinterpret_cast<float*>(start_ + size_ - page - bytes);
  }
  ~Guarded() { munmap(start_, size_); }

  float* data;

 private:
  char* start_;
  size_t size_;
};

bool IsRight(const liandan::Product& product, const float* left, const float* right, const float* result) {
  const int64_t rows = product.rows, columns = product.columns, depth = product.depth;
  for (int64_t n = 0; n < product.count; ++n, left += rows * depth, right += depth * columns, result += rows * columns) {
    for (int64_t i = 0; i < rows; ++i) {
      for (int64_t j = 0; j < columns; ++j) {
        float sum = 0;
        for (int64_t k = 0; k < depth; ++k)
          sum = std::fma(product.is_left_transposed ? left[k * rows + i] : left[i * depth + k],
                         product.is_right_transposed ? right[j * depth + k] : right[k * columns + j], sum);
        if (memcmp(&sum, &result[i * columns + j], 4) == 0) continue;
        printf("wrong: %ld of %ld × %ld × %ld, transposed %d %d, at %ld, %ld: %.9g for %.9g\n", n, rows, depth, columns,
               product.is_left_transposed, product.is_right_transposed, i, j, result[i * columns + j], sum);
        return false;
      }
    }
  }
  return true;
}

}  // namespace

int main() {
  using namespace liandan;
  if (!CanMultiply()) return puts("no kernel"), 0;
  std::vector<const Kernel*> kernels{&eight::kernel};
#if defined(__x86_64__)
  if (&BestKernel() != kernels[0]) kernels.push_back(&BestKernel());
#endif
  std::mt19937 random(1);
  const auto any = [&](int64_t most) { return 1 + static_cast<int64_t>(random() % most); };
  std::vector<Product> products;
  for (int i = 0; i < 300; ++i)
    products.push_back({any(3), any(70), any(100), i % 7 == 0 ? any(1200) : any(60), random() % 2 == 0, random() % 2 == 0});
  // More rows than are taken at a time, and products large enough to be shared.
  for (int i = 0; i < 8; ++i) products.push_back({1, 150 + any(150), 100 + any(100), 50 + any(300), i % 2 == 0, i % 4 < 2});
  products.push_back({2, 5, 20, 0, false, true});
  int right_ones = 0;
  for (const Product& product : products) {
    Guarded left(product.count * product.rows * product.depth), right(product.count * product.depth * product.columns),
        result(product.count * product.rows * product.columns);
    std::uniform_real_distribution<float> number(-1, 1);
    for (int64_t i = 0; i < product.count * product.rows * product.depth; ++i) left.data[i] = number(random);
    for (int64_t i = 0; i < product.count * product.depth * product.columns; ++i) right.data[i] = number(random);
    const auto check = [&](const auto& multiply) {
      std::fill(result.data, result.data + product.count * product.rows * product.columns, NAN);
      multiply();
      if (!IsRight(product, left.data, right.data, result.data)) exit(1);
      ++right_ones;
    };
    for (const Kernel* kernel : kernels) {
      check([&] {
        const int64_t rows = product.rows, columns = product.columns, depth = product.depth;
        for (int64_t n = 0; n < product.count; ++n)
          kernel->multiply(product, left.data + n * rows * depth, right.data + n * depth * columns,
                           result.data + n * rows * columns, {0, rows}, {0, columns});
      });
    }
    for (int64_t count : {0, 1}) {
      check([&] {
        std::vector<std::thread> helpers;
        Multiply(product, left.data, right.data, result.data,
                 {count, [&](std::function<void()> task) { helpers.emplace_back(std::move(task)); }});
        for (std::thread& helper : helpers) helper.join();
      });
    }
  }
  printf("%zu kernels, %d products\n", kernels.size(), right_ones);
}

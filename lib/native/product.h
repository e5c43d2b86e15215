// Products of matrices, faster than those that XLA brings along: of small ones its kernels reach half of what a core can
// do, because they copy both matrices first; of large ones two thirds.
#ifndef LIANDAN_PRODUCT_H_
#define LIANDAN_PRODUCT_H_

#include <cstdint>
#include <functional>

namespace liandan {

// result = left · right, row by row in memory, so many times: `count` matrices of each kind lie one behind the other. A
// matrix that is transposed lies there as its transpose.
struct Product {
  int64_t count;
  int64_t rows;
  int64_t columns;
  // Columns of the left matrix, rows of the right one.
  int64_t depth;
  bool is_left_transposed;
  bool is_right_transposed;
};

// Threads that help: `Schedule` has one of them call a function, some time, and returns at once.
struct Helpers {
  int64_t count;
  std::function<void(std::function<void()>)> schedule;
};

// Whether this processor has the instructions that Multiply is compiled for.
bool CanMultiply();

// Whether vectors of this processor have 512 bits, which Multiply uses then.
bool HasWideVectors();

// Each number of the result is summed in the order of the depth, whatever the shapes and however many threads help: results
// can be repeated bit by bit.
void Multiply(const Product& product, const float* left, const float* right, float* result, const Helpers& helpers);

// The name of a custom call of XLA that multiplies matrices.
inline constexpr char kMultiply[] = "liandan.Multiply";

}  // namespace liandan

#endif

// Stands for a header of LLVM, which TensorFlow's headers include and its package lacks. They name the type as a parameter of
// functions that are not called here.
#pragma once
namespace mlir {
class MLIRContext;
class Operation;
class ModuleOp {
 public:
  explicit ModuleOp(Operation* operation = nullptr) : operation_(operation) {}

 private:
  Operation* operation_;
};
template <typename Op>
class OwningOpRef {
  Op op_;
};
}  // namespace mlir

// Stands for a header of XLA that includes YNNPACK's, which TensorFlow's package lacks: as much of it as the layout of
// CpuExecutable needs.
#pragma once
#include <memory>
struct ynn_threadpool;
namespace xla::cpu {
namespace internal {
struct YnnDeleter {
  // How it is deleted TensorFlow's library keeps to itself. One per thread that runs programs is kept.
  void operator()(ynn_threadpool*) {}
};
}  // namespace internal
using YnnThreadpool = std::unique_ptr<ynn_threadpool, internal::YnnDeleter>;
}  // namespace xla::cpu

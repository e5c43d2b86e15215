// Stands for a header of XLA that includes YNNPACK's, which TensorFlow's package lacks: as much of it as the layout of
// CpuExecutable needs.
#pragma once
#include <memory>
struct ynn_threadpool;
namespace xla::cpu {
namespace internal {
struct YnnDeleter {
  void operator()(ynn_threadpool* pool);
};
}  // namespace internal
using YnnThreadpool = std::unique_ptr<ynn_threadpool, internal::YnnDeleter>;
}  // namespace xla::cpu

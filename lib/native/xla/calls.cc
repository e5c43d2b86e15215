// What programs call by name.
#include "xla/ffi/api/ffi.h"

#include "product.h"

namespace xla::ffi {
const XLA_FFI_Api* GetXlaFfiApi();
}

namespace liandan {

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

// From a graph of TensorFlow to what XLA compiles, for both kinds of programs.
#ifndef LIANDAN_COMPUTATION_H_
#define LIANDAN_COMPUTATION_H_

#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "xla/client/client.h"
#include "xla/hlo/builder/xla_computation.h"
#include "xla/shape.h"

#include "program.h"

namespace liandan {

// The graph of a description, its state to be written in place.
//
// @param client evaluates what is constant
absl::StatusOr<xla::XlaComputation> Convert(const Description& description, xla::Client* client);

// Splits the types of all parameters and results into those of the caller's (`inputs`, `outputs`) and the state's, and gives
// the bytes of new state.
absl::StatusOr<size_t> AssignTypes(const Description& description, absl::Span<const xla::Shape> parameters,
                                   absl::Span<const xla::Shape> results, std::vector<Type>* inputs,
                                   std::vector<Type>* outputs);

// A program of a kind that has Initialize.
template <typename Kind>
absl::StatusOr<std::unique_ptr<Program>> Initialized(const Description& description) {
  auto program = std::make_unique<Kind>();
  const absl::Status status = program->Initialize(description);
  if (!status.ok()) return status;
  return program;
}

absl::StatusOr<std::unique_ptr<Program>> LoadForProcessor(const Description& description);
absl::StatusOr<std::unique_ptr<Program>> LoadForDevice(const Description& description);

}  // namespace liandan

#endif

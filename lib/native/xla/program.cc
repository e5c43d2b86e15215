#include "program.h"

#include <algorithm>
#include <utility>

#include "tensorflow/compiler/tf2xla/tf2xla.pb.h"
#include "tensorflow/core/framework/graph.pb.h"
#include "xla/service/hlo.pb.h"

#include "computation.h"

namespace tensorflow {
// The library exports it; its header (tensorflow/compiler/tf2xla/tf2xla.h) is not among those that come with it.
absl::Status ConvertGraphDefToXla(GraphDef graph_def, const tf2xla::Config& config, xla::Client* client,
                                  xla::XlaComputation* computation);
}  // namespace tensorflow

namespace liandan {

namespace {

// The numbers of TensorFlow's types.proto; 0 for types that tensors of TensorFlow.js do not have.
int TypeOf(xla::PrimitiveType type) {
  switch (type) {
    case xla::F32: return 1;
    case xla::S32: return 3;
    case xla::U8: return 4;
    case xla::PRED: return 10;
    default: return 0;
  }
}

absl::StatusOr<std::vector<Type>> TypesOf(absl::Span<const xla::Shape> shapes) {
  std::vector<Type> types;
  for (const xla::Shape& shape : shapes) {
    Type type{shape.IsArray() && !shape.is_dynamic() ? TypeOf(shape.element_type()) : 0};
    if (type.dtype == 0) return absl::UnimplementedError("a parameter or result of type " + shape.ToString());
    type.shape.assign(shape.dimensions().begin(), shape.dimensions().end());
    type.bytes = type.dtype == 1 || type.dtype == 3 ? 4 : 1;
    for (int64_t size : type.shape) type.bytes *= size;
    types.push_back(std::move(type));
  }
  return types;
}

}  // namespace

absl::StatusOr<xla::XlaComputation> Convert(const Description& description, xla::Client* client) {
  tensorflow::GraphDef graph;
  tensorflow::tf2xla::Config config;
  if (!graph.ParseFromArray(description.graph.data(), description.graph.size()) ||
      !config.ParseFromArray(description.config.data(), description.config.size()))
    return absl::InvalidArgumentError("the graph or its configuration cannot be read");
  xla::XlaComputation computation;
  absl::Status status = tensorflow::ConvertGraphDefToXla(std::move(graph), config, client, &computation);
  if (!status.ok()) return status;
  const std::vector<int>& slots = description.slots;
  for (size_t i = 0; i < description.updates.size(); ++i) {
    const auto slot = std::find(slots.begin(), slots.end(), description.updates[i]);
    if (slot == slots.end()) return absl::InternalError("a slot is written and not read");
    auto* alias = computation.mutable_proto()->mutable_input_output_alias()->add_entries();
    alias->add_output_shape_index(description.outputs + i);
    alias->set_parameter_number(description.inputs + (slot - slots.begin()));
    alias->set_kind(xla::MUST_ALIAS);
  }
  return computation;
}

absl::StatusOr<size_t> AssignTypes(const Description& description, absl::Span<const xla::Shape> parameters,
                                   absl::Span<const xla::Shape> results, std::vector<Type>* inputs,
                                   std::vector<Type>* outputs) {
  if (parameters.size() != description.inputs + description.slots.size() ||
      results.size() != description.outputs + description.updates.size())
    return absl::InternalError("the program has other parameters or results than the graph");
  const auto taken = TypesOf(parameters);
  if (!taken.ok()) return taken.status();
  const auto given = TypesOf(results);
  if (!given.ok()) return given.status();
  inputs->assign(taken->begin(), taken->begin() + description.inputs);
  outputs->assign(given->begin(), given->begin() + description.outputs);
  size_t written = 0;
  for (size_t i = description.outputs; i < given->size(); ++i) written += (*given)[i].bytes;
  return written;
}

std::unique_ptr<Program> Program::Load(const Description& description, std::string* error) {
  auto program = description.device ? LoadForDevice(description) : LoadForProcessor(description);
  if (program.ok()) return *std::move(program);
  *error = std::string(program.status().message());
  return nullptr;
}

}  // namespace liandan

// Program and Memory on XLA's runtime for processors. A program runs on plain memory: there are no buffers to make, nothing
// is handed to another thread, and new state is written over the old.
#define EIGEN_USE_THREADS
#include "program.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "tensorflow/compiler/tf2xla/tf2xla.pb.h"
#include "tensorflow/core/framework/graph.pb.h"
#include "tsl/platform/denormal.h"
#include "unsupported/Eigen/CXX11/Tensor"
#include "xla/client/client_library.h"
#include "xla/client/local_client.h"
#include "xla/hlo/builder/xla_computation.h"
#include "xla/service/cpu/cpu_executable.h"
#include "xla/service/hlo.pb.h"
#include "xla/service/platform_util.h"
#include "xla/tsl/platform/env.h"
#include "xla/tsl/platform/threadpool.h"

namespace tensorflow {
// The library exports it; its header (tensorflow/compiler/tf2xla/tf2xla.h) is not among those that come with it.
absl::Status ConvertGraphDefToXla(GraphDef graph_def, const tf2xla::Config& config, xla::Client* client,
                                  xla::XlaComputation* computation);
}  // namespace tensorflow

namespace liandan {

namespace {

// Lies before the aligned address.
struct Block {
  void* start;
  // Of pages of its own; 0 for a block of the heap.
  size_t mapped;
};

// Blocks from this size on have pages of their own, which go back to the system when they are freed: between the tensors of
// TensorFlow on the heap they would leave holes that grow.
constexpr size_t kOwnPages = 1 << 20;

}  // namespace

void Free::operator()(void* memory) const {
  const Block block = static_cast<Block*>(memory)[-1];
  if (block.mapped > 0) munmap(block.start, block.mapped);
  else free(block.start);
}

Bytes Allocate(size_t bytes) {
  const size_t size = bytes + 3 * kAlignment;
  Block block{nullptr, size < kOwnPages ? 0 : size};
  if (block.mapped > 0) {
    block.start = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (block.start == MAP_FAILED) return nullptr;
  } else {
    block.start = malloc(size);
    if (!block.start) return nullptr;
  }
  char* memory = static_cast<char*>(block.start) + 2 * kAlignment;
  memory -= reinterpret_cast<uintptr_t>(memory) % kAlignment;
  reinterpret_cast<Block*>(memory)[-1] = block;
  return Bytes(memory);
}

bool Memory::Copy(int slot, const void* data, size_t bytes) {
  Slot& target = slots_[slot];
  if (!target.owned || target.bytes != bytes) {
    Bytes owned = Allocate(bytes);
    if (!owned) return false;
    Share(slot, owned.get(), bytes, nullptr);
    target.owned = std::move(owned);
  }
  memcpy(target.data, data, bytes);
  return true;
}

void Memory::Share(int slot, const void* data, size_t bytes, std::function<void()> release) {
  Slot& target = slots_[slot];
  if (target.release) target.release();
  target.owned = nullptr;
  target.data = const_cast<void*>(data);
  target.bytes = bytes;
  target.release = std::move(release);
}

void Memory::Clear() {
  for (size_t slot = 0; slot < slots_.size(); ++slot) Share(slot, nullptr, 0, nullptr);
}

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

absl::Status AddTypes(const xla::Shape& shape, std::vector<Type>* types) {
  Type type{shape.IsArray() && !shape.is_dynamic() ? TypeOf(shape.element_type()) : 0};
  if (type.dtype == 0)
    return absl::UnimplementedError("a parameter or result of type " + shape.ToString());
  type.shape.assign(shape.dimensions().begin(), shape.dimensions().end());
  type.bytes = type.dtype == 1 || type.dtype == 3 ? 4 : 1;
  for (int64_t size : type.shape) type.bytes *= size;
  types->push_back(std::move(type));
  return absl::OkStatus();
}

// What programs of one thread share.
struct Workplace {
  // For programs so small that handing work to another thread takes longer than the work.
  tsl::thread::ThreadPool pool{tsl::Env::Default(), "liandan", 1};
  Eigen::ThreadPoolDevice one_thread{pool.AsEigenThreadPool(), 1};
  // In which programs work, one after another.
  Bytes scratch;
  size_t scratch_bytes = 0;
  // Counts the moves of `scratch`.
  int generation = 0;

  bool Reserve(size_t bytes) {
    if (bytes <= scratch_bytes) return true;
    scratch_bytes = 0;
    scratch = nullptr;
    scratch = Allocate(bytes);
    if (!scratch) return false;
    scratch_bytes = bytes;
    ++generation;
    return true;
  }
};

Workplace& CurrentWorkplace() {
  thread_local Workplace workplace;
  return workplace;
}

// Programs with fewer operations in their matrix products use one thread. Measured on two cores: steps of 3 to 6 million
// operations take half the time on one, steps of 80 million three quarters on two.
constexpr double kOperationsForThreads = 30e6;

// Operations of the matrix products, those of a loop's body once. They depend on nothing but the program, so that results
// can be repeated: products that threads share round differently.
double OperationsOf(const xla::HloModule& module) {
  double operations = 0;
  for (const xla::HloComputation* computation : module.computations()) {
    for (const xla::HloInstruction* instruction : computation->instructions()) {
      if (instruction->opcode() != xla::HloOpcode::kDot) continue;
      double product = 2.0 * xla::ShapeUtil::ElementsIn(instruction->shape());
      for (int64_t axis : instruction->dot_dimension_numbers().lhs_contracting_dimensions())
        product *= instruction->operand(0)->shape().dimensions(axis);
      operations += product;
    }
  }
  return operations;
}

// Compiling (which computes what is constant) and running happen as in TensorFlow's own threads: numbers too small for
// their exponent count as 0.
class CpuProgram : public Program {
 public:
  absl::Status Load(const Description& description) {
    const tsl::port::ScopedFlushDenormal flush;
    auto platform = xla::PlatformUtil::GetPlatform("Host");
    if (!platform.ok()) return platform.status();
    // One per process: TensorFlow's, if it has used XLA before.
    auto client = xla::ClientLibrary::GetOrCreateLocalClient(
        xla::LocalClientOptions(*platform, 1, description.threads > 0 ? description.threads : -1));
    if (!client.ok()) return client.status();
    if (absl::Status status = Compile(*client, description); !status.ok()) return status;
    if (absl::Status status = LayOut(); !status.ok()) return status;
    options_.set_device_ordinal(0);
    assignment_(0, 0) = 0;
    options_.set_device_assignment(&assignment_);
    options_.set_intra_op_thread_pool(OperationsOf(cpu_->module()) < kOperationsForThreads
                                          ? &workplace_.one_thread
                                          : (*client)->backend().eigen_intra_op_thread_pool_device());
    return absl::OkStatus();
  }

  std::string Run(const Memory& memory, const std::vector<const void*>& inputs,
                  const std::vector<void*>& outputs) override {
    if (!workplace_.Reserve(scratch_bytes_)) return "there is not enough memory";
    if (generation_ != workplace_.generation) {
      generation_ = workplace_.generation;
      for (const auto& [allocation, offset, bytes] : scratch_)
        Bind(allocation, static_cast<char*>(workplace_.scratch.get()) + offset, bytes);
    }
    for (size_t i = 0; i < inputs.size(); ++i) Bind(parameters_[i], inputs[i], inputs_[i].bytes);
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!memory.data(slots_[i])) return "a slot of the memory was not set";
      Bind(parameters_[inputs.size() + i], memory.data(slots_[i]), memory.bytes(slots_[i]));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (results_[i].is_direct) Bind(results_[i].allocation, outputs[i], outputs_[i].bytes);
    }
    const tsl::port::ScopedFlushDenormal flush;
    const absl::Status status = cpu_->ExecuteThunks(&options_, table_);
    if (!status.ok()) return std::string(status.message());
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (results_[i].is_direct) continue;
      const void* base = table_[results_[i].allocation].AsDeviceAddress().opaque();
      memcpy(outputs[i], static_cast<const char*>(base) + results_[i].offset, outputs_[i].bytes);
    }
    return "";
  }

 private:
  // Where a result is found.
  struct Place {
    int allocation;
    int64_t offset;
    // Whether the program can write it where the caller wants it.
    bool is_direct;
  };

  absl::Status Compile(xla::LocalClient* client, const Description& description) {
    tensorflow::GraphDef graph;
    tensorflow::tf2xla::Config config;
    if (!graph.ParseFromArray(description.graph.data(), description.graph.size()) ||
        !config.ParseFromArray(description.config.data(), description.config.size()))
      return absl::InvalidArgumentError("the graph or its configuration cannot be read");
    xla::XlaComputation computation;
    absl::Status status = tensorflow::ConvertGraphDefToXla(std::move(graph), config, client, &computation);
    if (!status.ok()) return status;
    auto shape = computation.GetProgramShape();
    if (!shape.ok()) return shape.status();
    std::vector<Type> parameters, results;
    std::vector<const xla::Shape*> layouts;
    for (const xla::Shape& parameter : shape->parameters()) {
      if (status = AddTypes(parameter, &parameters); !status.ok()) return status;
      layouts.push_back(&parameter);
    }
    for (const xla::Shape& result : shape->result().tuple_shapes())
      if (status = AddTypes(result, &results); !status.ok()) return status;
    slots_ = description.slots;
    if (parameters.size() != description.inputs + slots_.size() ||
        results.size() != description.outputs + description.updates.size())
      return absl::InternalError("the program has other parameters or results than the graph");
    for (size_t i = 0; i < description.updates.size(); ++i) {
      const auto slot = std::find(slots_.begin(), slots_.end(), description.updates[i]);
      if (slot == slots_.end()) return absl::InternalError("a slot is written and not read");
      auto* alias = computation.mutable_proto()->mutable_input_output_alias()->add_entries();
      alias->add_output_shape_index(description.outputs + i);
      alias->set_parameter_number(description.inputs + (slot - slots_.begin()));
      alias->set_kind(xla::MUST_ALIAS);
    }
    auto executables = client->Compile(computation, layouts, xla::ExecutableBuildOptions());
    if (!executables.ok()) return executables.status();
    executable_ = std::move(executables->front());
    cpu_ = static_cast<xla::cpu::CpuExecutable*>(executable_->executable());
    if (!cpu_->has_thunks()) return absl::UnimplementedError("XLA made a program of another kind");
    parameters_.assign(parameters.size(), -1);
    inputs_.assign(parameters.begin(), parameters.begin() + description.inputs);
    outputs_.assign(results.begin(), results.begin() + description.outputs);
    return absl::OkStatus();
  }

  // Which memory the program wants, and for what.
  absl::Status LayOut() {
    const xla::BufferAssignment& assignment = cpu_->buffer_assignment();
    for (const xla::BufferAllocation& allocation : assignment.Allocations()) {
      if (allocation.is_entry_computation_parameter())
        parameters_[allocation.parameter_number()] = allocation.index();
      table_.emplace_back(allocation.is_constant() ? cpu_->constants()[allocation.index()].AsDeviceAddress()
                                                   : stream_executor::DeviceAddressBase());
    }
    const xla::HloInstruction* root = cpu_->module().entry_computation()->root_instruction();
    const int64_t count = root->shape().tuple_shapes().size();
    std::vector<int> uses(table_.size(), 0);
    for (int64_t i = 0; i < count; ++i) {
      auto slice = assignment.GetUniqueSlice(root, {i});
      if (!slice.ok()) return slice.status();
      ++uses[slice->index()];
      if (i < static_cast<int64_t>(outputs_.size()))
        results_.push_back({static_cast<int>(slice->index()), slice->offset(), false});
    }
    std::vector<bool> is_direct(table_.size(), false);
    for (size_t i = 0; i < results_.size(); ++i) {
      const xla::BufferAllocation& allocation = assignment.GetAllocation(results_[i].allocation);
      results_[i].is_direct = is_direct[results_[i].allocation] =
          uses[results_[i].allocation] == 1 && results_[i].offset == 0 && !allocation.is_constant() &&
          !allocation.is_entry_computation_parameter() &&
          allocation.size() == static_cast<int64_t>(outputs_[i].bytes);
    }
    for (const xla::BufferAllocation& allocation : assignment.Allocations()) {
      const int index = allocation.index();
      if (allocation.is_entry_computation_parameter() || allocation.is_constant() || allocation.is_thread_local() ||
          is_direct[index])
        continue;
      const size_t bytes = allocation.size();
      scratch_.push_back({index, scratch_bytes_, bytes});
      scratch_bytes_ += (bytes / kAlignment + 2) * kAlignment;
    }
    return absl::OkStatus();
  }

  // @param allocation -1 for a parameter that the program does not look at.
  void Bind(int allocation, const void* data, size_t bytes) {
    if (allocation >= 0) table_[allocation] = stream_executor::DeviceAddressBase(const_cast<void*>(data), bytes);
  }

  struct Scratch {
    int allocation;
    size_t offset;
    size_t bytes;
  };

  Workplace& workplace_ = CurrentWorkplace();
  std::unique_ptr<xla::LocalExecutable> executable_;
  xla::cpu::CpuExecutable* cpu_ = nullptr;
  // Addresses, by the index of XLA's allocation.
  std::vector<xla::MaybeOwningDeviceAddress> table_;
  std::vector<int> parameters_, slots_;
  std::vector<Place> results_;
  std::vector<Scratch> scratch_;
  size_t scratch_bytes_ = 0;
  int generation_ = 0;
  xla::DeviceAssignment assignment_{1, 1};
  xla::ExecutableRunOptions options_;
};

}  // namespace

std::unique_ptr<Program> Program::Compile(const Description& description, std::string* error) {
  auto program = std::make_unique<CpuProgram>();
  const absl::Status status = program->Load(description);
  if (status.ok()) return program;
  *error = std::string(status.message());
  return nullptr;
}

}  // namespace liandan

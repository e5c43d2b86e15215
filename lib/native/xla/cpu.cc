// Programs on XLA's runtime for processors. They run on plain memory: there are no buffers to make, nothing is handed to
// another thread, and new state is written over the old.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "absl/base/log_severity.h"
#include "absl/log/globals.h"
#include "absl/status/status.h"
#include "tsl/platform/cpu_info.h"
#include "tsl/platform/denormal.h"
#include "unsupported/Eigen/CXX11/Tensor"
#include "xla/backends/cpu/runtime/buffer_allocations.h"
#include "xla/backends/cpu/runtime/thunk.h"
#include "xla/backends/cpu/runtime/thunk_executor.h"
#include "xla/client/client_library.h"
#include "xla/client/local_client.h"
#include "xla/hlo/builder/xla_computation.h"
#include "xla/service/compiled_module.h"
#include "xla/service/compiler.h"
#include "xla/service/cpu/cpu_executable.h"
#include "xla/service/hlo.pb.h"
#include "xla/service/hlo_module_util.h"
#include "xla/service/platform_util.h"

#include "computation.h"
#include "product.h"
#include "team.h"
#include "updates.h"

namespace liandan {

namespace {

// What XLA has its tasks started by.
class Runner : public xla::cpu::Thunk::TaskRunner {
 public:
  explicit Runner(Team* team) : team_(team) {}
  void operator()(xla::cpu::Thunk::Task task) override { team_->Schedule(std::move(task)); }

 private:
  Team* const team_;
};

// A team, and what XLA calls it by.
struct Crew {
  explicit Crew(int size) : team(size), device(&team, size), runner(&team) {}

  // For the parts of a program that YNNPACK computes.
  absl::StatusOr<xla::cpu::Thunk::YnnParams*> Ynn(const xla::ExecutableRunOptions& options) {
    if (!ynn) {
      auto made = xla::cpu::Thunk::YnnParams::Create(&options);
      if (!made.ok()) return made.status();
      ynn.emplace(*std::move(made));
    }
    return &*ynn;
  }

  // Before the team: its helpers may use it until they have ended.
  std::optional<xla::cpu::Thunk::YnnParams> ynn;
  Team team;
  const Eigen::ThreadPoolDevice device;
  Runner runner;
};

// What the programs share that a thread runs.
struct Workplace {
  // For programs so small that handing work to another thread takes longer than the work, and for the others.
  Crew one{1};
  std::unique_ptr<Crew> all;
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

// Programs with fewer operations in their matrix products and less new state use one thread. Measured on two cores: a step
// of 3.5 million operations takes as long on one as on two, of 8 million on two .8 of it, of 14 and 29 million .68; a step
// that writes 300 kB of state .88.
constexpr double kOperationsForThreads = 4e6;
constexpr size_t kBytesForThreads = 256 << 10;

// Calls visit(dot, left, right) with each dot of a module and its operands.
template <typename Visit>
void ForEachDot(xla::HloModuleProto* module, Visit visit) {
  for (xla::HloComputationProto& computation : *module->mutable_computations()) {
    // Operands come before what uses them.
    std::unordered_map<int64_t, const xla::HloInstructionProto*> by_id;
    for (xla::HloInstructionProto& instruction : *computation.mutable_instructions()) {
      by_id[instruction.id()] = &instruction;
      if (instruction.opcode() == "dot")
        visit(&instruction, *by_id[instruction.operand_ids(0)], *by_id[instruction.operand_ids(1)]);
    }
  }
}

// The operations of the matrix products, those of a loop's body once. They depend on nothing but the program, so that
// results can be repeated: products that XLA shares among threads round differently.
double OperationsOf(xla::HloModuleProto* module) {
  double operations = 0;
  ForEachDot(module, [&](const xla::HloInstructionProto* dot, const xla::HloInstructionProto& left,
                         const xla::HloInstructionProto&) {
    double product = 2;
    for (int64_t size : dot->shape().dimensions()) product *= size;
    for (int64_t axis : dot->dot_dimension_numbers().lhs_contracting_dimensions())
      product *= left.shape().dimensions(axis);
    operations += product;
  });
  return operations;
}

// Whether a dot is a product of two matrices, or of two stacks of them, that Multiply computes faster than XLA: not one with
// a vector.
bool IsMatrixProduct(const xla::HloInstructionProto& dot, const xla::ShapeProto& left, const xla::ShapeProto& right) {
  const xla::DotDimensionNumbers& axes = dot.dot_dimension_numbers();
  const int stack = dot.shape().dimensions_size() - 2;
  if (stack < 0 || axes.lhs_batch_dimensions_size() != stack || axes.rhs_batch_dimensions_size() != stack) return false;
  for (const xla::ShapeProto* shape : {&left, &right, &dot.shape()})
    if (shape->element_type() != xla::F32 || shape->dimensions_size() != stack + 2) return false;
  for (int axis = 0; axis < stack; ++axis)
    if (axes.lhs_batch_dimensions(axis) != axis || axes.rhs_batch_dimensions(axis) != axis) return false;
  return axes.lhs_contracting_dimensions_size() == 1 && axes.rhs_contracting_dimensions_size() == 1 &&
         dot.shape().dimensions(stack) > 1 && dot.shape().dimensions(stack + 1) > 1;
}

// Whether an instruction transposes the matrices of a stack.
bool IsMatrixTranspose(const xla::HloInstructionProto& instruction) {
  const int stack = instruction.dimensions_size() - 2;
  if (instruction.opcode() != "transpose" || stack < 0) return false;
  for (int axis = 0; axis < stack; ++axis)
    if (instruction.dimensions(axis) != axis) return false;
  return instruction.dimensions(stack) == stack + 1;
}

// Has the products of matrices computed by Multiply.
void ReplaceProducts(xla::HloModuleProto* module) {
  ForEachDot(module, [](xla::HloInstructionProto* dot, const xla::HloInstructionProto& left,
                        const xla::HloInstructionProto& right) {
    if (!IsMatrixProduct(*dot, left.shape(), right.shape())) return;
    const int stack = dot->shape().dimensions_size() - 2;
    bool is_left_transposed = dot->dot_dimension_numbers().lhs_contracting_dimensions(0) == stack;
    bool is_right_transposed = dot->dot_dimension_numbers().rhs_contracting_dimensions(0) == stack + 1;
    if (IsMatrixTranspose(left)) {
      dot->set_operand_ids(0, left.operand_ids(0));
      is_left_transposed = !is_left_transposed;
    }
    if (IsMatrixTranspose(right)) {
      dot->set_operand_ids(1, right.operand_ids(0));
      is_right_transposed = !is_right_transposed;
    }
    dot->clear_dot_dimension_numbers();
    dot->clear_precision_config();
    dot->set_opcode("custom-call");
    dot->set_custom_call_target(kMultiply);
    dot->set_custom_call_api_version(xla::API_VERSION_TYPED_FFI);
    dot->set_backend_config(std::string("{is_left_transposed = ") + (is_left_transposed ? "true" : "false") +
                            ", is_right_transposed = " + (is_right_transposed ? "true" : "false") + "}");
  });
}

// XLA writes an error to the terminal where it reads a program that it has compiled for this very processor: among its
// target's features are two that are its own.
class SilentLog {
 public:
  SilentLog() { absl::SetMinLogLevel(absl::LogSeverityAtLeast::kFatal); }
  ~SilentLog() { absl::SetMinLogLevel(before_); }

 private:
  const absl::LogSeverityAtLeast before_ = absl::MinLogLevel();
};

// Compiling (which computes what is constant) and running happen as in TensorFlow's own threads: numbers too small for
// their exponent count as 0.
class CpuProgram : public Program {
 public:
  absl::Status Initialize(const Description& description) {
    const tsl::port::ScopedFlushDenormal flush;
    auto platform = xla::PlatformUtil::GetPlatform("Host");
    if (!platform.ok()) return platform.status();
    crew_size_ = description.threads > 0 ? description.threads : tsl::port::MaxParallelism();
    // One per process: TensorFlow's, if it has used XLA before.
    auto client = xla::ClientLibrary::GetOrCreateLocalClient(xla::LocalClientOptions(*platform, 1, crew_size_));
    if (!client.ok()) return client.status();
    client_ = *client;
    absl::Status status = description.serialized.empty() ? Compile(description) : Read(description.serialized);
    if (!status.ok()) return status;
    cpu_ = static_cast<xla::cpu::CpuExecutable*>(executable_->executable());
    if (!cpu_->has_thunks()) return absl::UnimplementedError("XLA made a program of another kind");
    if (status = AssignRoles(description); !status.ok()) return status;
    if (status = LayOut(); !status.ok()) return status;
    options_.set_device_ordinal(0);
    assignment_(0, 0) = 0;
    options_.set_device_assignment(&assignment_);
    if (!is_small_ && !workplace_.all) workplace_.all = std::make_unique<Crew>(crew_size_);
    crew_ = is_small_ ? &workplace_.one : workplace_.all.get();
    options_.set_intra_op_thread_pool(&crew_->device);
    auto calls = xla::cpu::Thunk::CustomCallExecuteParams::Create(&options_);
    if (!calls.ok()) return calls.status();
    calls_.emplace(*calls);
    if (cpu_->has_ynn_fusions()) {
      auto ynn = crew_->Ynn(options_);
      if (!ynn.ok()) return ynn.status();
      ynn_ = *ynn;
    }
    return absl::OkStatus();
  }

  std::string Run(const Memory& memory, const std::vector<Value>& inputs,
                  const std::vector<void*>& outputs) override {
    if (!workplace_.Reserve(scratch_bytes_)) return "there is not enough memory";
    if (generation_ != workplace_.generation) {
      generation_ = workplace_.generation;
      for (const auto& [allocation, offset, bytes] : scratch_)
        Bind(allocation, static_cast<char*>(workplace_.scratch.get()) + offset, bytes);
    }
    for (size_t i = 0; i < inputs.size(); ++i) Bind(parameters_[i], inputs[i].data, inputs_[i].bytes);
    for (size_t i = 0; i < slots_.size(); ++i) {
      if (!memory.data(slots_[i])) return "a slot of the memory was not set";
      Bind(parameters_[inputs.size() + i], memory.data(slots_[i]), memory.bytes(slots_[i]));
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (results_[i].is_direct) Bind(results_[i].allocation, outputs[i], outputs_[i].bytes);
    }
    const tsl::port::ScopedFlushDenormal flush;
    const xla::cpu::BufferAllocations allocations(table_);
    xla::cpu::Thunk::ExecuteParams parameters;
    parameters.function_library = cpu_->function_library();
    parameters.buffer_allocations = &allocations;
    parameters.intra_op_threadpool = &crew_->device;
    parameters.task_runner = &crew_->runner;
    parameters.custom_call_params = &*calls_;
    parameters.ynn_params = ynn_;
    const auto done = cpu_->thunks().Execute(parameters);
    if (!done.IsAvailable()) {
      done.AndThen([team = &crew_->team] { team->WakeAll(); });
      crew_->team.WorkUntil([&] { return done.IsAvailable(); });
    }
    if (done.IsError()) return std::string(done.GetError().message());
    for (size_t i = 0; i < outputs.size(); ++i) {
      if (results_[i].is_direct) continue;
      const void* base = table_[results_[i].allocation].AsDeviceAddress().opaque();
      memcpy(outputs[i], static_cast<const char*>(base) + results_[i].offset, outputs_[i].bytes);
    }
    return "";
  }

  std::string Serialize(std::string* error) const override {
    auto module = client_->backend().compiler()->Export(cpu_);
    auto serialized = module.ok() ? (*module)->SerializeAsString() : module.status();
    if (serialized.ok()) return std::string(1, has_small_products_ ? kSmall : kLarge) + *serialized;
    *error = std::string(serialized.status().message());
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

  absl::Status Compile(const Description& description) {
    auto converted = Convert(description, client_);
    if (!converted.ok()) return converted.status();
    xla::XlaComputation computation = *std::move(converted);
    auto shape = computation.GetProgramShape();
    if (!shape.ok()) return shape.status();
    std::vector<const xla::Shape*> layouts;
    for (const xla::Shape& parameter : shape->parameters()) layouts.push_back(&parameter);
    has_small_products_ = OperationsOf(computation.mutable_proto()) < kOperationsForThreads;
    if (CanMultiply()) ReplaceProducts(computation.mutable_proto());
    xla::ExecutableBuildOptions options;
    options.set_device_ordinal(0);
    const xla::ExecutionOptions execution = xla::CreateExecutionOptions(options, &*shape);
    auto settings = xla::CreateModuleConfig(*shape, layouts, &execution, 1, crew_size_);
    if (!settings.ok()) return settings.status();
    // XLA has vectors of 256 bits on all processors. Measured: with 512, a Transformer's step takes .95 of the time.
    const char* flags = getenv("XLA_FLAGS");
    if (HasWideVectors() && !(flags && strstr(flags, "prefer_vector_width")))
      (*settings)->mutable_debug_options().set_xla_cpu_prefer_vector_width(512);
    auto module = xla::HloModule::CreateFromProto(computation.proto(), **settings);
    if (!module.ok()) return module.status();
    xla::Compiler* const compiler = client_->backend().compiler();
    module = compiler->RunHloPasses(*std::move(module), nullptr, xla::Compiler::CompileOptions());
    if (!module.ok()) return module.status();
    for (xla::HloComputation* part : (*module)->MakeNonfusionComputations()) {
      MergeUpdates(part);
      if (absl::Status status = UpdateInPlace(part); !status.ok()) return status;
    }
    auto executable = compiler->RunBackend(*std::move(module), nullptr, xla::Compiler::CompileOptions());
    if (!executable.ok()) return executable.status();
    executable_ = std::make_unique<xla::LocalExecutable>(*std::move(executable), client_->mutable_backend(), options);
    return absl::OkStatus();
  }

  absl::Status Read(std::string_view serialized) {
    const SilentLog silent;
    has_small_products_ = serialized.front() == kSmall;
    auto executable = client_->Load(std::string(serialized.substr(1)), xla::ExecutableBuildOptions());
    if (!executable.ok()) return executable.status();
    executable_ = *std::move(executable);
    return absl::OkStatus();
  }

  // Which parameters a run is given, which results it gives; the others are slots of the memory.
  absl::Status AssignRoles(const Description& description) {
    const xla::HloComputation* entry = cpu_->module().entry_computation();
    std::vector<xla::Shape> parameters;
    for (const xla::HloInstruction* parameter : entry->parameter_instructions())
      parameters.push_back(parameter->shape());
    const auto written = AssignTypes(description, parameters, entry->root_instruction()->shape().tuple_shapes(),
                                     &inputs_, &outputs_);
    if (!written.ok()) return written.status();
    slots_ = description.slots;
    parameters_.assign(parameters.size(), -1);
    is_small_ = has_small_products_ && *written < kBytesForThreads;
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

  // The first byte of a serialized program: of which size its products are.
  static constexpr char kSmall = 's', kLarge = 'l';

  struct Scratch {
    int allocation;
    size_t offset;
    size_t bytes;
  };

  Workplace& workplace_ = CurrentWorkplace();
  xla::LocalClient* client_ = nullptr;
  bool has_small_products_ = false;
  // Whether it works on one thread.
  bool is_small_ = false;
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
  int crew_size_ = 1;
  Crew* crew_ = nullptr;
  std::optional<xla::cpu::Thunk::CustomCallExecuteParams> calls_;
  xla::cpu::Thunk::YnnParams* ynn_ = nullptr;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Program>> LoadForProcessor(const Description& description) {
  return Initialized<CpuProgram>(description);
}

}  // namespace liandan

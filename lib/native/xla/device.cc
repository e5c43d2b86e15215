// Programs on a device that XLA reaches through a stream, as on a GPU: state stays in its memory and is written over there,
// tensors that TensorFlow keeps there are read where they are, and a run copies its results, and nothing else, back.
#include <algorithm>
#include <map>
#include <mutex>
#include <unordered_map>
#include <utility>

#include "xla/client/client_library.h"
#include "xla/client/local_client.h"
#include "xla/executable_run_options.h"
#include "xla/service/executable.h"
#include "xla/service/maybe_owning_device_address.h"
#include "xla/service/platform_util.h"
#include "xla/service/shaped_buffer.h"
#include "xla/stream_executor/device_address_allocator.h"
#include "xla/stream_executor/stream_executor.h"

#include "computation.h"

namespace liandan {

namespace {

namespace se = stream_executor;
using Address = se::ScopedDeviceAddress<uint8_t>;

constexpr int kOrdinal = 0;

// Why something failed, or nothing.
std::string Reason(const absl::Status& status) { return status.ok() ? "" : std::string(status.message()); }

// Gives what programs have freed to those that run after them: to ask CUDA for memory takes longer than a small step. All
// work is done in the order of one stream, so that memory may be given away before it was last used.
class Pool : public se::DeviceAddressAllocator {
 public:
  Pool(const se::Platform* platform, se::StreamExecutor* executor, se::Stream* stream)
      : DeviceAddressAllocator(platform), executor_(executor), stream_(stream) {}

  absl::StatusOr<Address> Allocate(int ordinal, uint64_t size, bool, int64_t space) override {
    if (size == 0) return Address();
    const uint64_t whole = (size + kBlock - 1) / kBlock * kBlock;
    const std::lock_guard<std::mutex> lock(mutex_);
    std::vector<void*>& free = free_[whole];
    void* memory = nullptr;
    if (free.empty()) {
      memory = executor_->Allocate(whole, space).opaque();
      if (!memory) {
        if (absl::Status status = GiveBack(); !status.ok()) return status;
        memory = executor_->Allocate(whole, space).opaque();
      }
      if (!memory)
        return absl::ResourceExhaustedError("there are no " + std::to_string(size) + " bytes left on the device");
      sizes_[memory] = whole;
    } else {
      memory = free.back();
      free.pop_back();
    }
    return Address(se::DeviceAddressBase(memory, size), ordinal, this);
  }

  absl::Status Deallocate(int, se::DeviceAddressBase address) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (!address.is_null()) free_[sizes_.at(address.opaque())].push_back(address.opaque());
    return absl::OkStatus();
  }

  bool AllowsAsynchronousDeallocation() const override { return true; }
  absl::StatusOr<se::Stream*> GetStream(int) override { return stream_; }

 private:
  static constexpr uint64_t kBlock = 256;

  absl::Status GiveBack() {
    if (absl::Status status = stream_->BlockHostUntilDone(); !status.ok()) return status;
    for (auto& [size, blocks] : free_) {
      for (void* block : blocks) {
        se::DeviceAddressBase address(block, size);
        executor_->Deallocate(&address);
        sizes_.erase(block);
      }
      blocks.clear();
    }
    return absl::OkStatus();
  }

  se::StreamExecutor* const executor_;
  se::Stream* const stream_;
  std::mutex mutex_;
  // By size; and the size of each block that was ever made.
  std::map<uint64_t, std::vector<void*>> free_;
  std::unordered_map<void*, uint64_t> sizes_;
};

class StreamDevice : public Device {
 public:
  static absl::StatusOr<std::unique_ptr<StreamDevice>> Make(const std::string& name) {
    auto device = std::unique_ptr<StreamDevice>(new StreamDevice);
    auto platform = xla::PlatformUtil::GetPlatform(name);
    if (!platform.ok()) return platform.status();
    // One per process: TensorFlow's, if it has used XLA before.
    auto client = xla::ClientLibrary::GetOrCreateLocalClient(xla::LocalClientOptions(*platform));
    if (!client.ok()) return client.status();
    device->client = *client;
    auto executor = (*client)->backend().stream_executor(kOrdinal);
    if (!executor.ok()) return executor.status();
    auto stream = (*executor)->CreateStream();
    if (!stream.ok()) return stream.status();
    device->stream = *std::move(stream);
    device->pool = std::make_unique<Pool>(*platform, *executor, device->stream.get());
    return device;
  }

  Bytes Allocate(size_t bytes) override {
    // XLA wants an address of values without elements, too.
    auto address = pool->Allocate(kOrdinal, bytes + (bytes == 0), true, 0);
    return Bytes(address.ok() ? address->Release().opaque() : nullptr, liandan::Free{this});
  }

  void Free(void* memory) override { (void)pool->Deallocate(kOrdinal, se::DeviceAddressBase(memory, 1)); }

  std::string Write(void* to, Value from, size_t bytes) override {
    if (bytes == 0) return "";
    se::DeviceAddressBase target(to, bytes);
    return Reason(Finish(
        from.is_on_device
            ? stream->Memcpy(&target, se::DeviceAddressBase(const_cast<void*>(from.data), bytes), bytes)
            : stream->Memcpy(&target, from.data, bytes)));
  }

  std::string Read(void* to, const void* from, size_t bytes) override {
    if (bytes == 0) return "";
    return Reason(Finish(stream->Memcpy(to, se::DeviceAddressBase(const_cast<void*>(from), bytes), bytes)));
  }

  // Waits for what was begun; gives what went wrong first.
  absl::Status Finish(absl::Status begun) {
    const absl::Status done = stream->BlockHostUntilDone();
    return begun.ok() ? done : begun;
  }

  xla::LocalClient* client = nullptr;
  std::unique_ptr<se::Stream> stream;
  std::unique_ptr<Pool> pool;

 private:
  StreamDevice() = default;
};

class DeviceProgram : public Program {
 public:
  absl::Status Initialize(const Description& description) {
    device_ = static_cast<StreamDevice*>(description.device);
    // What is constant is computed here.
    auto host = xla::PlatformUtil::GetPlatform("Host");
    if (!host.ok()) return host.status();
    auto evaluator = xla::ClientLibrary::GetOrCreateLocalClient(*host);
    if (!evaluator.ok()) return evaluator.status();
    auto computation = Convert(description, *evaluator);
    if (!computation.ok()) return computation.status();
    auto shape = computation->GetProgramShape();
    if (!shape.ok()) return shape.status();
    const auto written =
        AssignTypes(description, shape->parameters(), shape->result().tuple_shapes(), &inputs_, &outputs_);
    if (!written.ok()) return written.status();
    std::vector<const xla::Shape*> layouts;
    for (const xla::Shape& parameter : shape->parameters()) layouts.push_back(&parameter);
    xla::ExecutableBuildOptions options;
    options.set_device_ordinal(kOrdinal);
    options.set_device_allocator(device_->pool.get());
    auto executables = device_->client->Compile(*computation, layouts, options);
    if (!executables.ok()) return executables.status();
    executable_ = std::move(executables->front());
    shapes_.assign(shape->parameters().begin(), shape->parameters().end());
    slots_ = description.slots;
    updates_ = description.updates;
    is_written_.assign(slots_.size(), false);
    for (size_t i = 0; i < slots_.size(); ++i)
      is_written_[i] = std::find(updates_.begin(), updates_.end(), slots_[i]) != updates_.end();
    staged_.resize(inputs_.size());
    return absl::OkStatus();
  }

  std::string Run(const Memory& memory, const std::vector<Value>& inputs, const std::vector<void*>& outputs) override {
    return Reason(Execute(memory, inputs, outputs));
  }

  std::string Serialize(std::string* error) const override {
    *error = "programs of a device are not kept";
    return "";
  }

 private:
  absl::Status Execute(const Memory& memory, const std::vector<Value>& inputs, const std::vector<void*>& outputs) {
    std::vector<xla::ExecutionInput> arguments;
    arguments.reserve(shapes_.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      const size_t bytes = inputs_[i].bytes;
      se::DeviceAddressBase address(const_cast<void*>(inputs[i].data), bytes);
      if (!inputs[i].is_on_device) {
        if (!staged_[i]) staged_[i] = device_->Allocate(bytes);
        if (!staged_[i]) return absl::ResourceExhaustedError("there is not enough memory on the device");
        address = se::DeviceAddressBase(staged_[i].get(), bytes);
        const absl::Status status =
            bytes > 0 ? device_->stream->Memcpy(&address, inputs[i].data, bytes) : absl::OkStatus();
        if (!status.ok()) return status;
      }
      arguments.emplace_back(&shapes_[i]).SetBuffer({}, xla::MaybeOwningDeviceAddress(address));
    }
    for (size_t i = 0; i < slots_.size(); ++i) {
      void* data = memory.data(slots_[i]);
      if (!data) return absl::FailedPreconditionError("a slot of the memory was not set");
      const se::DeviceAddressBase address(data, memory.bytes(slots_[i]));
      xla::ExecutionInput& argument = arguments.emplace_back(&shapes_[inputs.size() + i]);
      // XLA writes over what it is given, and gives it back where it fails.
      if (is_written_[i])
        argument.SetUnownedBuffer({}, xla::MaybeOwningDeviceAddress(Address(address, kOrdinal, device_->pool.get())));
      else
        argument.SetBuffer({}, xla::MaybeOwningDeviceAddress(address));
    }
    xla::ExecutableRunOptions options;
    options.set_device_ordinal(kOrdinal);
    options.set_stream(device_->stream.get());
    options.set_allocator(device_->pool.get());
    // Where the device is this processor.
    options.set_intra_op_thread_pool(device_->client->backend().eigen_intra_op_thread_pool_device());
    auto output = executable_->RunAsync(std::move(arguments), options);
    if (!output.ok()) return output.status();
    xla::ScopedShapedBuffer results = output->ConsumeResult();
    absl::Status status;
    for (size_t i = 0; i < updates_.size(); ++i) {
      const xla::ShapeIndex index{static_cast<int64_t>(outputs.size() + i)};
      if (results.buffer(index).opaque() != memory.data(updates_[i]) && results.buffer(index).size() > 0)
        status = absl::InternalError("new state was not written over the old");
      // It is the memory's.
      results.set_buffer(Address(), index);
    }
    for (size_t i = 0; i < outputs.size() && status.ok(); ++i) {
      if (outputs_[i].bytes > 0)
        status = device_->stream->Memcpy(outputs[i], results.buffer({static_cast<int64_t>(i)}), outputs_[i].bytes);
    }
    return device_->Finish(status);
  }

  StreamDevice* device_ = nullptr;
  std::unique_ptr<xla::LocalExecutable> executable_;
  // Of the parameters.
  std::vector<xla::Shape> shapes_;
  // For inputs that lie in main memory.
  std::vector<Bytes> staged_;
  std::vector<int> slots_, updates_;
  // Whether the program writes over a slot.
  std::vector<bool> is_written_;
};

}  // namespace

Device* Device::Find(const std::string& platform, std::string* error) {
  static std::mutex mutex;
  // They are never closed: when a process ends, what they are made of may have ended before them.
  static auto& devices = *new std::map<std::string, std::unique_ptr<StreamDevice>>;
  const std::lock_guard<std::mutex> lock(mutex);
  std::unique_ptr<StreamDevice>& device = devices[platform];
  if (!device) {
    auto made = StreamDevice::Make(platform);
    if (!made.ok()) {
      *error = std::string(made.status().message());
      return nullptr;
    }
    device = *std::move(made);
  }
  return device.get();
}

absl::StatusOr<std::unique_ptr<Program>> LoadForDevice(const Description& description) {
  return Initialized<DeviceProgram>(description);
}

}  // namespace liandan

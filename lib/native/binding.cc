// TensorFlow.js's own binding, compiled with this file, and beside its functions those that run programs of XLA. Tensors are
// named by the integers that the binding gives them.
#include <cstring>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

// The table from integers to tensors has no other door.
#define private public
#include "tfjs_backend.h"
#undef private
#include <node_api.h>
#include "tensorflow/c/eager/c_api_experimental.h"
#undef NAPI_MODULE
#define NAPI_MODULE(name, init)
#include "tfjs_binding.cc"

#include "program.h"

namespace liandan {
namespace {

using tfnodejs::TF_AutoStatus;
using tfnodejs::TFJSBackend;

napi_value Throw(napi_env env, const std::string& message) {
  napi_throw_error(env, nullptr, message.c_str());
  return nullptr;
}

template <size_t N>
struct Arguments {
  napi_value values[N];
  Arguments(napi_env env, napi_callback_info info) {
    size_t count = N;
    napi_get_cb_info(env, info, &count, values, nullptr, nullptr);
  }
  napi_value operator[](size_t i) const { return values[i]; }
};

int32_t Integer(napi_env env, napi_value value) {
  int32_t result = 0;
  napi_get_value_int32(env, value, &result);
  return result;
}

napi_value Number(napi_env env, int32_t value) {
  napi_value result;
  napi_create_int32(env, value, &result);
  return result;
}

// A typed array; its memory is the engine's.
struct Elements {
  void* data = nullptr;
  size_t length = 0;

  Elements(napi_env env, napi_value array) {
    napi_typedarray_type type;
    napi_get_typedarray_info(env, array, &type, &length, &data, nullptr, nullptr);
  }
  std::string_view bytes() const { return {static_cast<const char*>(data), length}; }
  std::vector<int> integers() const {
    const auto* first = static_cast<const int32_t*>(data);
    return {first, first + length};
  }
};

template <typename T>
napi_value Wrap(napi_env env, std::unique_ptr<T> object) {
  napi_value result;
  napi_create_external(
      env, object.release(), [](napi_env, void* data, void*) { delete static_cast<T*>(data); }, nullptr, &result);
  return result;
}

template <typename T>
T& Unwrap(napi_env env, napi_value value) {
  void* result = nullptr;
  napi_get_value_external(env, value, &result);
  return *static_cast<T*>(result);
}

struct DeleteTensor {
  void operator()(TF_Tensor* tensor) const { TF_DeleteTensor(tensor); }
};
using Tensor = std::unique_ptr<TF_Tensor, DeleteTensor>;

// The values of a tensor.
struct Located {
  Value value{nullptr};
  size_t bytes = 0;
  // Keeps a value in main memory.
  Tensor tensor;
  // Whose value it is.
  TFE_TensorHandle* handle = nullptr;
};

// Where the values of a tensor are that an integer names; null, with the reason in `error`, if that fails.
//
// @param device reads its own memory; null where everything must be in main memory
Located Locate(napi_env env, int32_t id, const Device* device, std::string* error) {
  Located located;
  const auto& tensors = tfnodejs::GetTFJSBackend(env)->tfe_handle_map_;
  const auto found = tensors.find(id);
  if (found == tensors.end()) {
    *error = "there is no tensor " + std::to_string(id);
    return located;
  }
  TF_AutoStatus status;
  located.handle = found->second;
  const char* name = device ? TFE_TensorHandleBackingDeviceName(found->second, status.status) : nullptr;
  if (name && strstr(name, "GPU")) {
    located.value = {TFE_TensorHandleDevicePointer(found->second, status.status), true};
    located.bytes = TFE_TensorHandleDeviceMemorySize(found->second, status.status);
  } else if (Tensor tensor{TFE_TensorHandleResolve(found->second, status.status)}) {
    located.value.data = TF_TensorData(tensor.get());
    located.bytes = TF_TensorByteSize(tensor.get());
    located.tensor = std::move(tensor);
  }
  if (TF_GetCode(status.status) != TF_OK) *error = TF_Message(status.status);
  return located;
}

// The device of a platform, which the caller names; null for this processor, whose platform has no name, and with the reason
// in `error` where there is none.
Device* FindDevice(napi_env env, napi_value platform, std::string* error) {
  char name[16];
  size_t length = 0;
  napi_get_value_string_utf8(env, platform, name, sizeof name, &length);
  return length > 0 ? Device::Find(name, error) : nullptr;
}

Tensor AllocateTensor(int dtype, const std::vector<int64_t>& shape, size_t bytes) {
  return Tensor(TF_AllocateTensor(static_cast<TF_DataType>(dtype), shape.data(), shape.size(), bytes));
}

napi_value Name(napi_env env, const Tensor& tensor) {
  TF_AutoStatus status;
  return Number(env, tfnodejs::GetTFJSBackend(env)->InsertHandle(TFE_NewTensorHandle(tensor.get(), status.status)));
}

// A program, and aligned memory for those of its inputs that are not.
struct Loaded {
  Device* device;
  std::unique_ptr<Program> program;
  std::vector<Bytes> staged;
};

// loadProgram(graph: Uint8Array, config: Uint8Array, serialized: Uint8Array, inputs, slots: Int32Array, outputs,
//             updates: Int32Array, threads, platform: string)
napi_value LoadProgram(napi_env env, napi_callback_info info) {
  Arguments<9> given(env, info);
  std::string error;
  auto loaded = std::make_unique<Loaded>();
  loaded->device = FindDevice(env, given[8], &error);
  if (!error.empty()) return Throw(env, error);
  loaded->program = Program::Load({Elements(env, given[0]).bytes(), Elements(env, given[1]).bytes(),
                                   Elements(env, given[2]).bytes(), Integer(env, given[3]),
                                   Elements(env, given[4]).integers(), Integer(env, given[5]),
                                   Elements(env, given[6]).integers(), Integer(env, given[7]), loaded->device},
                                  &error);
  if (!loaded->program) return Throw(env, error);
  loaded->staged.resize(loaded->program->inputs().size());
  return Wrap(env, std::move(loaded));
}

// serializeProgram(program): Buffer
napi_value SerializeProgram(napi_env env, napi_callback_info info) {
  Arguments<1> given(env, info);
  std::string error;
  const std::string serialized = Unwrap<Loaded>(env, given[0]).program->Serialize(&error);
  if (serialized.empty()) return Throw(env, error);
  napi_value buffer;
  napi_create_buffer_copy(env, serialized.size(), serialized.data(), nullptr, &buffer);
  return buffer;
}

// createMemory(slots, platform: string)
napi_value CreateMemory(napi_env env, napi_callback_info info) {
  Arguments<2> given(env, info);
  std::string error;
  Device* device = FindDevice(env, given[1], &error);
  if (!error.empty()) return Throw(env, error);
  return Wrap(env, std::make_unique<Memory>(Integer(env, given[0]), device));
}

// clearMemory(memory)
napi_value ClearMemory(napi_env env, napi_callback_info info) {
  Arguments<1> given(env, info);
  Unwrap<Memory>(env, given[0]).Clear();
  return nullptr;
}

// writeMemory(memory, slot, tensor, isShared): programs may write to what is not shared
napi_value WriteMemory(napi_env env, napi_callback_info info) {
  Arguments<4> given(env, info);
  Memory& memory = Unwrap<Memory>(env, given[0]);
  const int slot = Integer(env, given[1]);
  std::string error;
  Located located = Locate(env, Integer(env, given[2]), memory.device(), &error);
  if (!error.empty()) return Throw(env, error);
  bool is_shared = false;
  napi_get_value_bool(env, given[3], &is_shared);
  TF_AutoStatus status;
  if (is_shared && located.value.is_on_device) {
    TFE_TensorHandle* kept = TFE_TensorHandleCopySharingTensor(located.handle, status.status);
    memory.Share(slot, located.value.data, located.bytes, [kept] { TFE_DeleteTensorHandle(kept); });
  } else if (is_shared && !memory.device() && reinterpret_cast<uintptr_t>(located.value.data) % kAlignment == 0) {
    memory.Share(slot, located.value.data, located.bytes,
                 [kept = located.tensor.release()] { TF_DeleteTensor(kept); });
  } else if (error = memory.Copy(slot, located.value, located.bytes); !error.empty()) {
    return Throw(env, error);
  }
  return nullptr;
}

// readMemory(memory, slot, dtype, shape: number[]): a tensor with a copy
napi_value ReadMemory(napi_env env, napi_callback_info info) {
  Arguments<4> given(env, info);
  const Memory& memory = Unwrap<Memory>(env, given[0]);
  const int slot = Integer(env, given[1]);
  uint32_t rank = 0;
  napi_get_array_length(env, given[3], &rank);
  std::vector<int64_t> shape(rank);
  for (uint32_t i = 0; i < rank; ++i) {
    napi_value size;
    napi_get_element(env, given[3], i, &size);
    napi_get_value_int64(env, size, &shape[i]);
  }
  Tensor tensor = AllocateTensor(Integer(env, given[2]), shape, memory.bytes(slot));
  if (!tensor) return Throw(env, "there is not enough memory");
  const std::string error = memory.Read(slot, TF_TensorData(tensor.get()));
  if (!error.empty()) return Throw(env, error);
  return Name(env, tensor);
}

// runProgram(program, memory, inputs: (tensor | typed array)[]): tensors
napi_value RunProgram(napi_env env, napi_callback_info info) {
  Arguments<3> given(env, info);
  Loaded& loaded = Unwrap<Loaded>(env, given[0]);
  const std::vector<Type>& parameters = loaded.program->inputs();
  const std::vector<Type>& results = loaded.program->outputs();
  std::string error;
  std::vector<Located> held;
  std::vector<Tensor> made;
  std::vector<Value> inputs;
  std::vector<void*> outputs;
  held.reserve(parameters.size());
  for (size_t i = 0; i < parameters.size(); ++i) {
    napi_value value;
    napi_get_element(env, given[2], i, &value);
    napi_valuetype kind;
    napi_typeof(env, value, &kind);
    Value input{nullptr};
    size_t bytes;
    if (kind == napi_number) {
      held.push_back(Locate(env, Integer(env, value), loaded.device, &error));
      if (!error.empty()) return Throw(env, error);
      input = held.back().value;
      bytes = held.back().bytes;
    } else {
      const Elements array(env, value);
      input.data = array.data;
      bytes = array.length * (parameters[i].dtype == TF_FLOAT || parameters[i].dtype == TF_INT32 ? 4 : 1);
    }
    if (bytes != parameters[i].bytes) return Throw(env, "input " + std::to_string(i) + " has another size");
    if (!loaded.device && reinterpret_cast<uintptr_t>(input.data) % kAlignment != 0) {
      Bytes& staged = loaded.staged[i];
      if (!staged) staged = Allocate(bytes);
      if (!staged) return Throw(env, "there is not enough memory");
      memcpy(staged.get(), input.data, bytes);
      input.data = staged.get();
    }
    inputs.push_back(input);
  }
  for (const Type& type : results) {
    made.push_back(AllocateTensor(type.dtype, type.shape, type.bytes));
    if (!made.back()) return Throw(env, "there is not enough memory");
    outputs.push_back(TF_TensorData(made.back().get()));
  }
  error = loaded.program->Run(Unwrap<Memory>(env, given[1]), inputs, outputs);
  if (!error.empty()) return Throw(env, error);
  napi_value ids;
  napi_create_array_with_length(env, made.size(), &ids);
  for (size_t i = 0; i < made.size(); ++i) napi_set_element(env, ids, i, Name(env, made[i]));
  return ids;
}

}  // namespace
}  // namespace liandan

NAPI_MODULE_INIT() {
  exports = tfnodejs::InitTFNodeJSBinding(env, exports);
  const std::pair<const char*, napi_callback> functions[] = {
      {"loadProgram", liandan::LoadProgram},   {"serializeProgram", liandan::SerializeProgram},
      {"createMemory", liandan::CreateMemory}, {"clearMemory", liandan::ClearMemory},
      {"writeMemory", liandan::WriteMemory},   {"readMemory", liandan::ReadMemory},
      {"runProgram", liandan::RunProgram},
  };
  for (const auto& [name, function] : functions) {
    napi_value value;
    napi_create_function(env, name, NAPI_AUTO_LENGTH, function, nullptr, &value);
    napi_set_named_property(env, exports, name, value);
  }
  return exports;
}

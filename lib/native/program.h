// A graph that XLA has compiled, for this processor or for a device. No type of TensorFlow or XLA is named here: binding.cc,
// which is written against this header, need not wait for theirs.
#ifndef LIANDAN_PROGRAM_H_
#define LIANDAN_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "memory.h"

namespace liandan {

// Type (a number of TensorFlow's types.proto) and shape of a parameter or a result.
struct Type {
  int dtype;
  std::vector<int64_t> shape;
  size_t bytes;
};

struct Description {
  // A serialized GraphDef.
  std::string_view graph;
  // A serialized tensorflow.tf2xla.Config: its feeds become parameters, its fetches results.
  std::string_view config;
  // What Serialize gave for a program of the same graph, configuration and roles; empty to compile it.
  std::string_view serialized;
  // So many parameters are given to each run; each of the others is read from a slot of the memory.
  int inputs;
  std::vector<int> slots;
  // So many results are handed to the caller; each of the others is written over a slot that is read.
  int outputs;
  std::vector<int> updates;
  // Most threads that a run on this processor uses; 0 for one per core. What the first program says holds for all.
  int threads;
  // Null for this processor.
  Device* device;
};

class Program {
 public:
  // Null, with the reason in `error`, if XLA does not compile the graph, or cannot read the serialized program.
  static std::unique_ptr<Program> Load(const Description& description, std::string* error);
  virtual ~Program() = default;

  // Of what a run is given, and of what it gives.
  const std::vector<Type>& inputs() const { return inputs_; }
  const std::vector<Type>& outputs() const { return outputs_; }

  // Runs the program on a memory of its device and waits for it. Inputs and outputs in main memory are aligned. Returns why
  // it failed, or nothing; the memory is then as it was, because a program fails only before it begins.
  virtual std::string Run(const Memory& memory, const std::vector<Value>& inputs, const std::vector<void*>& outputs) = 0;

  // The compiled code, for this processor and version of TensorFlow; empty, with the reason in `error`, if that fails.
  virtual std::string Serialize(std::string* error) const = 0;

 protected:
  std::vector<Type> inputs_, outputs_;
};

}  // namespace liandan

#endif

// A graph that XLA has compiled for this processor, and the memory that it keeps between runs. No type of TensorFlow or XLA
// is named here: binding.cc, which is written against this header, need not wait for theirs.
#ifndef LIANDAN_PROGRAM_H_
#define LIANDAN_PROGRAM_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace liandan {

// What data are aligned to, bytes; programs read and write whole vector registers.
inline constexpr size_t kAlignment = 64;

struct Free {
  void operator()(void* memory) const;
};
using Bytes = std::unique_ptr<void, Free>;

// Aligned memory, with room for the vector register in which the last byte lies; null where there is none left.
Bytes Allocate(size_t bytes);

// Values that programs read, and write over, from run to run.
class Memory {
 public:
  explicit Memory(int slots) : slots_(slots) {}

  // Copies data into a slot, which programs may write to. False where there is no memory left.
  bool Copy(int slot, const void* data, size_t bytes);
  // Lets programs read data where they lie until the slot is set again or cleared; `release` is called then.
  void Share(int slot, const void* data, size_t bytes, std::function<void()> release);
  // Frees all values.
  void Clear();

  size_t size() const { return slots_.size(); }
  // Null if the slot was not set.
  void* data(int slot) const { return slots_[slot].data; }
  size_t bytes(int slot) const { return slots_[slot].bytes; }

 private:
  struct Slot {
    void* data = nullptr;
    size_t bytes = 0;
    Bytes owned;
    std::function<void()> release;

    ~Slot() {
      if (release) release();
    }
  };
  std::vector<Slot> slots_;
};

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
  // Most threads that a run uses; 0 for one per core. What the first program says holds for all.
  int threads;
};

class Program {
 public:
  // Null, with the reason in `error`, if XLA does not compile the graph, or cannot read the serialized program.
  static std::unique_ptr<Program> Load(const Description& description, std::string* error);
  virtual ~Program() = default;

  // Of what a run is given, and of what it gives.
  const std::vector<Type>& inputs() const { return inputs_; }
  const std::vector<Type>& outputs() const { return outputs_; }

  // Runs the program and waits for it. Inputs and outputs are aligned. Returns why it failed, or nothing; the memory is
  // then as it was, because a program fails only before it begins.
  virtual std::string Run(const Memory& memory, const std::vector<const void*>& inputs,
                          const std::vector<void*>& outputs) = 0;

  // The compiled code, for this processor and version of TensorFlow; empty, with the reason in `error`, if that fails.
  virtual std::string Serialize(std::string* error) const = 0;

 protected:
  std::vector<Type> inputs_, outputs_;
};

}  // namespace liandan

#endif

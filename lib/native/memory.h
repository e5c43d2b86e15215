// Memory that programs work on: this processor's, or that of a device. No type of TensorFlow or XLA is named here.
#ifndef LIANDAN_MEMORY_H_
#define LIANDAN_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace liandan {

class Device;

// What data are aligned to, bytes; programs read and write whole vector registers.
inline constexpr size_t kAlignment = 64;

struct Free {
  // Null for main memory.
  Device* device = nullptr;
  void operator()(void* memory) const;
};
using Bytes = std::unique_ptr<void, Free>;

// Aligned main memory, with room for the vector register in which the last byte lies; null where there is none left.
Bytes Allocate(size_t bytes);

// Where a value lies.
struct Value {
  const void* data;
  // False for main memory.
  bool is_on_device = false;
};

// A device with memory of its own, as XLA reaches it. It does what it is told in order; the functions return when it is done.
class Device {
 public:
  // The first one of a platform of XLA, "CUDA" or "Host" (which is this processor, reached like a device); null, with the
  // reason in `error`, where there is none.
  static Device* Find(const std::string& platform, std::string* error);

  virtual ~Device() = default;
  // Null where there is no memory left.
  virtual Bytes Allocate(size_t bytes) = 0;
  virtual void Free(void* memory) = 0;
  // Both return why it failed, or nothing.
  virtual std::string Write(void* to, Value from, size_t bytes) = 0;
  virtual std::string Read(void* to, const void* from, size_t bytes) = 0;
};

// Values that programs read, and write over, from run to run.
class Memory {
 public:
  // @param device null for main memory
  Memory(int slots, Device* device) : device_(device), slots_(slots) {}

  // Copies data into a slot, which programs may write to. Returns why it failed, or nothing.
  std::string Copy(int slot, Value value, size_t bytes);
  // Lets programs read data of its device where they lie until the slot is set again or cleared; `release` is called then.
  void Share(int slot, const void* data, size_t bytes, std::function<void()> release);
  // Copies the value of a slot into main memory. Returns why it failed, or nothing.
  std::string Read(int slot, void* to) const;
  // Frees all values.
  void Clear();

  Device* device() const { return device_; }
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
  Device* const device_;
  std::vector<Slot> slots_;
};

}  // namespace liandan

#endif

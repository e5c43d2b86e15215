#include "memory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <utility>

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
  if (device) return device->Free(memory);
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

std::string Memory::Copy(int slot, Value value, size_t bytes) {
  Slot& target = slots_[slot];
  if (!target.owned || target.bytes != bytes) {
    Bytes owned = device_ ? device_->Allocate(bytes) : Allocate(bytes);
    if (!owned) return "there is not enough memory";
    Share(slot, owned.get(), bytes, nullptr);
    target.owned = std::move(owned);
  }
  if (device_) return device_->Write(target.data, value, bytes);
  memcpy(target.data, value.data, bytes);
  return "";
}

void Memory::Share(int slot, const void* data, size_t bytes, std::function<void()> release) {
  Slot& target = slots_[slot];
  if (target.release) target.release();
  target.owned = nullptr;
  target.data = const_cast<void*>(data);
  target.bytes = bytes;
  target.release = std::move(release);
}

std::string Memory::Read(int slot, void* to) const {
  const Slot& source = slots_[slot];
  if (!source.data) return "a slot of the memory was not set";
  if (device_) return device_->Read(to, source.data, source.bytes);
  memcpy(to, source.data, source.bytes);
  return "";
}

void Memory::Clear() {
  for (size_t slot = 0; slot < slots_.size(); ++slot) Share(slot, nullptr, 0, nullptr);
}

}  // namespace liandan

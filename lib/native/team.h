// The threads that work on a program: who runs it, and helpers, who look for work some time before they sleep. A pool of
// threads that sleep between tasks, and that the caller only waits for, hands each product from one core to the other, where
// the system may let two threads share a core for half a millisecond while the other one idles.
#ifndef LIANDAN_TEAM_H_
#define LIANDAN_TEAM_H_

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "tsl/platform/denormal.h"
#include "unsupported/Eigen/CXX11/Tensor"

namespace liandan {

class Team final : public Eigen::ThreadPoolInterface {
 public:
  // @param size Threads, the caller of WorkUntil among them.
  explicit Team(int size) : size_(size) {
    for (int i = 1; i < size; ++i) {
      helpers_.emplace_back([this, i] {
        id_ = i;
        // As TensorFlow's own threads: numbers too small for their exponent count as 0.
        const tsl::port::ScopedFlushDenormal flush;
        WorkUntil([this] { return is_closing_.load(); });
      });
    }
  }

  ~Team() override {
    is_closing_ = true;
    WakeAll();
    for (std::thread& helper : helpers_) helper.join();
  }

  void Schedule(std::function<void()> task) override {
    bool is_somebody_asleep;
    {
      const std::lock_guard<std::mutex> lock(mutex_);
      tasks_.push_back(std::move(task));
      ++queued_;
      is_somebody_asleep = asleep_ > 0;
    }
    if (is_somebody_asleep) wake_.notify_one();
  }

  int NumThreads() const override { return size_; }
  int CurrentThreadId() const override { return id_; }

  // Works on what is scheduled until is_done(). Who makes that true calls WakeAll.
  template <typename Condition>
  void WorkUntil(Condition is_done) {
    while (!is_done()) {
      std::function<void()> task;
      if (Take(&task)) {
        task();
      } else if (!Spin(is_done)) {
        std::unique_lock<std::mutex> lock(mutex_);
        ++asleep_;
        wake_.wait(lock, [&] { return !tasks_.empty() || is_done(); });
        --asleep_;
      }
    }
  }

  void WakeAll() {
    const std::lock_guard<std::mutex> lock(mutex_);
    if (asleep_ > 0) wake_.notify_all();
  }

 private:
  // So long a thread looks for work before it sleeps: longer than what lies between two tasks, or two steps.
  static constexpr std::chrono::microseconds kPatience{50};

  bool Take(std::function<void()>* task) {
    if (queued_ == 0) return false;
    const std::lock_guard<std::mutex> lock(mutex_);
    if (tasks_.empty()) return false;
    *task = std::move(tasks_.front());
    tasks_.pop_front();
    --queued_;
    return true;
  }

  // Whether there is something to do.
  template <typename Condition>
  bool Spin(Condition is_done) const {
    const auto end = std::chrono::steady_clock::now() + kPatience;
    do {
      for (int i = 0; i < 50; ++i) {
        if (queued_ > 0 || is_done()) return true;
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
      }
    } while (std::chrono::steady_clock::now() < end);
    return false;
  }

  static inline thread_local int id_ = -1;
  const int size_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> tasks_;
  int asleep_ = 0;
  std::atomic<int> queued_{0};
  std::atomic<bool> is_closing_{false};
  std::vector<std::thread> helpers_;
};

}  // namespace liandan

#endif

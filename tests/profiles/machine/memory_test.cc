#include "profiles/machine/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace roberta::machine {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::SizeIs;

constexpr uint64_t kMiB = 1 << 20;

class MemoryTest : public testing::Test {
 protected:
  MemoryTest() : root_(testing::TempDir() + "memory_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    Write("proc/meminfo", "MemTotal:        1048576 kB\nMemFree:  1 kB\nMemAvailable:     786432 kB\n");
    Write("proc/self/status", "Name:\tMemTotal: 7\nRssAnon:\t  51200 kB\nRssFile:\t 999 kB\nRssShmem:\t1024 kB\n");
  }
  ~MemoryTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << text;
  }
  std::vector<MemoryUse> Read(uint64_t own_limit_bytes = 0) const {
    return ReadMemory({.cgroups = root_, .proc = root_ + "/proc"}, own_limit_bytes, "a field");
  }
  auto Is(const std::string& file, uint64_t limit_mib, uint64_t used_mib) const {
    return AllOf(Field(&MemoryUse::limited_by, root_ + "/" + file), Field(&MemoryUse::limit_bytes, limit_mib * kMiB),
                 Field(&MemoryUse::used_bytes, used_mib * kMiB));
  }

  const std::string root_;
};

const auto kMachine = AllOf(Field(&MemoryUse::of, MemoryUse::Of::kMachine), Field(&MemoryUse::limit_bytes, 1024 * kMiB),
                            Field(&MemoryUse::used_bytes, 256 * kMiB));

TEST_F(MemoryTest, WithoutGroupsThereIsTheMachine) {
  EXPECT_THAT(Read(), ElementsAre(kMachine));
}

TEST_F(MemoryTest, WithoutFilesThereIsAMachineAllTheSame) {
  const auto uses = ReadMemory({.cgroups = "/nonexistent", .proc = "/nonexistent"});
  ASSERT_THAT(uses, SizeIs(1));
  EXPECT_GT(uses[0].limit_bytes, 16 * kMiB);
}

TEST_F(MemoryTest, OfVersion2CountsTheUseWithoutThePageCache) {
  Write("proc/self/cgroup", "0::/a\n");
  Write("a/memory.max", "536870912\n");
  Write("a/memory.high", "max\n");
  Write("a/memory.current", "209715200\n");
  Write("a/memory.stat", "anon 5\nfile 7\ninactive_file 52428800\nactive_file 104857600\nworkingset_active_file 3\n");
  EXPECT_THAT(Read(), ElementsAre(Is("a/memory.max", 512, 50), kMachine));
}

TEST_F(MemoryTest, AHighMarkIsALimit) {
  Write("memory.max", "536870912\n");
  Write("memory.high", "268435456\n");
  Write("memory.current", "104857600\n");
  EXPECT_THAT(Read(), ElementsAre(Is("memory.high", 256, 100), kMachine));
  Write("memory.max", "max\n");
  EXPECT_THAT(Read(), ElementsAre(Is("memory.high", 256, 100), kMachine));
}

TEST_F(MemoryTest, OfVersion1TheGroupsBelowCountToo) {
  Write("proc/self/cgroup", "4:memory:/x/y\n0::/\n");
  Write("memory/x/y/memory.limit_in_bytes", "9223372036854771712\n");  // none
  Write("memory/x/memory.limit_in_bytes", "134217728\n");
  Write("memory/x/memory.usage_in_bytes", "73400320\n");
  Write("memory/x/memory.stat", "inactive_file 0\nactive_file 0\ntotal_inactive_file 10485760\ntotal_active_file 0\n");
  EXPECT_THAT(Read(), ElementsAre(Is("memory/x/memory.limit_in_bytes", 128, 60), kMachine));
}

TEST_F(MemoryTest, EveryGroupAroundThisOneHasItsSay) {
  Write("proc/self/cgroup", "0::/pod/container\n");
  Write("pod/container/memory.max", "104857600\n");
  Write("pod/container/memory.current", "1048576\n");
  Write("pod/memory.max", "52428800\n");
  Write("pod/memory.current", "2097152\n");
  const auto uses = Read();
  EXPECT_THAT(uses, ElementsAre(Is("pod/container/memory.max", 100, 1), Is("pod/memory.max", 50, 2), kMachine));
  EXPECT_EQ(SmallestLimit(uses).limited_by, root_ + "/pod/memory.max");
}

TEST_F(MemoryTest, BothVersionsAreLookedAtWhereBothAreMounted) {
  Write("proc/self/cgroup", "4:memory:/v1\n0::/v2\n");
  Write("unified/v2/memory.max", "104857600\n");
  Write("unified/v2/memory.current", "1048576\n");
  Write("memory/v1/memory.limit_in_bytes", "52428800\n");
  Write("memory/v1/memory.usage_in_bytes", "2097152\n");
  EXPECT_THAT(Read(),
              ElementsAre(Is("unified/v2/memory.max", 100, 1), Is("memory/v1/memory.limit_in_bytes", 50, 2), kMachine));
}

TEST_F(MemoryTest, ALimitBeyondTheMachinesMemoryIsNone) {
  Write("memory.max", "1073741824\n");
  EXPECT_THAT(Read(), ElementsAre(kMachine));
}

TEST_F(MemoryTest, WithoutACountOfTheGroupThisProcessCounts) {
  Write("memory.max", "536870912\n");
  EXPECT_THAT(Read(), ElementsAre(Is("memory.max", 512, 51), kMachine));
  Write("memory.current", "none\n");
  EXPECT_THAT(Read(), ElementsAre(Is("memory.max", 512, 51), kMachine));
}

TEST_F(MemoryTest, ACacheThatIsLargerThanTheUseLeavesNothing) {
  Write("memory.max", "536870912\n");
  Write("memory.current", "1048576\n");
  Write("memory.stat", "active_file 18446744073709551615\ninactive_file 0\n");
  EXPECT_THAT(Read(), ElementsAre(Is("memory.max", 512, 0), kMachine));
}

TEST_F(MemoryTest, WhatTheKernelWouldNotWriteIsNoLimit) {
  for (const char* text :
       {"", "\n", "max", "0", "-1", "1e6", "0x1000", "12MB", "99999999999999999999999", "\0", " 9"}) {
    Write("memory.max", text);
    EXPECT_THAT(Read(), ElementsAre(kMachine)) << text;
  }
  Write("memory.max", std::string(1 << 20, '1'));
  EXPECT_THAT(Read(), ElementsAre(kMachine));
}

TEST_F(MemoryTest, ADirectoryInPlaceOfAFileIsNoLimit) {
  std::filesystem::create_directories(root_ + "/memory.max");
  EXPECT_THAT(Read(), ElementsAre(kMachine));
}

TEST_F(MemoryTest, AnOwnLimitCountsThisProcess) {
  EXPECT_THAT(
      Read(64 * kMiB),
      ElementsAre(AllOf(Field(&MemoryUse::of, MemoryUse::Of::kProcess), Field(&MemoryUse::limited_by, "a field"),
                        Field(&MemoryUse::limit_bytes, 64 * kMiB), Field(&MemoryUse::used_bytes, 51 * kMiB)),
                  kMachine));
}

TEST_F(MemoryTest, ThisProcessUsesSomething) {
  const auto uses = ReadMemory({}, kMiB, "a field");
  const auto own = std::ranges::find(uses, MemoryUse::Of::kProcess, &MemoryUse::of);
  ASSERT_NE(own, uses.end());
  EXPECT_GT(own->used_bytes, kMiB / 4);
}

}  // namespace
}  // namespace roberta::machine

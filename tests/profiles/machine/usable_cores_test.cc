#include "profiles/machine/cores.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace roberta::machine {
namespace {

class CpuBudgetTest : public testing::Test {
 protected:
  CpuBudgetTest()
      : root_(testing::TempDir() + "cgroup_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
  }
  ~CpuBudgetTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(root_ + "/" + file).parent_path());
    std::ofstream(root_ + "/" + file) << text;
  }
  double Quota(const std::string& membership) {
    Write("proc/self/cgroup", membership);
    return Quota();
  }
  double Quota() const { return ReadCpuBudget({.cgroups = root_, .proc = root_ + "/proc"}).quota_cores; }

  const std::string root_;
};

TEST_F(CpuBudgetTest, ReadsAVersion2Quota) {
  Write("cpu.max", "150000 100000\n");
  EXPECT_DOUBLE_EQ(Quota(), 1.5);
}

TEST_F(CpuBudgetTest, MaxMeansNoQuota) {
  Write("cpu.max", "max 100000\n");
  EXPECT_EQ(Quota(), 0);
}

TEST_F(CpuBudgetTest, ReadsAVersion1Quota) {
  Write("cpu/cpu.cfs_quota_us", "50000\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(Quota(), 0.5);
}

TEST_F(CpuBudgetTest, MinusOneMeansNoQuota) {
  Write("cpu/cpu.cfs_quota_us", "-1\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(Quota(), 0);
}

TEST_F(CpuBudgetTest, NoCgroupMeansNoQuota) {
  EXPECT_EQ(ReadCpuBudget({.cgroups = "/nonexistent", .proc = "/nonexistent"}).quota_cores, 0);
}

TEST_F(CpuBudgetTest, TheQuotaOfAGroupHoldsForThoseInIt) {
  Write("a/cpu.max", "150000 100000\n");
  Write("a/b/cpu.max", "max 100000\n");
  Write("a/b/c/cpu.max", "400000 100000\n");
  EXPECT_DOUBLE_EQ(Quota("0::/a/b/c\n"), 1.5);
  EXPECT_DOUBLE_EQ(Quota("0::/a/b\n"), 1.5);
  EXPECT_EQ(Quota("0::/other\n"), 0);
  EXPECT_EQ(Quota("0::/\n"), 0);
}

TEST_F(CpuBudgetTest, TheSmallestOfSeveralQuotasCounts) {
  Write("cpu.max", "800000 100000\n");
  Write("a/cpu.max", "300000 100000\n");
  Write("a/b/cpu.max", "50000 100000\n");
  EXPECT_DOUBLE_EQ(Quota("0::/a/b\n"), 0.5);
  EXPECT_DOUBLE_EQ(Quota("0::/a\n"), 3);
  EXPECT_DOUBLE_EQ(Quota("0::/\n"), 8);
}

TEST_F(CpuBudgetTest, APathOfTheHostIsThatOfTheMountOrBelowIt) {
  Write("cpu.max", "200000 100000\n");
  Write("nested/cpu.max", "100000 100000\n");
  EXPECT_DOUBLE_EQ(Quota("0::/system.slice/docker-1234.scope\n"), 2);
  EXPECT_DOUBLE_EQ(Quota("0::/system.slice/docker-1234.scope/nested\n"), 1);
  EXPECT_DOUBLE_EQ(Quota("0::/../nested\n"), 2);
}

TEST_F(CpuBudgetTest, TheGroupsOfVersion1NestInTheSameWay) {
  const std::string membership = "12:cpuset:/z\n3:cpu,cpuacct:/a/b\n0::/\n";
  Write("cpu/cpu.cfs_quota_us", "-1\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  Write("cpu/a/cpu.cfs_quota_us", "250000\n");
  Write("cpu/a/cpu.cfs_period_us", "100000\n");
  Write("cpu/a/b/cpu.cfs_quota_us", "-1\n");
  Write("cpu/a/b/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(Quota(membership), 2.5);
  EXPECT_EQ(Quota("3:cpu,cpuacct:/\n"), 0);
  EXPECT_EQ(Quota("3:cpuset:/a/b\n"), 0);
}

TEST_F(CpuBudgetTest, AMembershipThatIsNoneMeansTheRoot) {
  Write("cpu.max", "200000 100000\n");
  for (const char* text : {"", "\n", "0\n", "0:\n", "::", "0::", "0::no/slash\n"})
    EXPECT_DOUBLE_EQ(Quota(text), 2) << text;
}

TEST_F(CpuBudgetTest, ControllersThatAreMountedTogetherAreFoundWithoutALink) {
  Write("cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n");
  Write("cpu,cpuacct/a/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(Quota("3:cpu,cpuacct:/a\n"), 1.5);
}

TEST_F(CpuBudgetTest, OfBothVersionsTheSmallerQuotaCounts) {
  Write("unified/a/cpu.max", "50000 100000\n");
  Write("cpu/b/cpu.cfs_quota_us", "150000\n");
  Write("cpu/b/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(Quota("2:cpu:/b\n0::/a\n"), 0.5);
  EXPECT_DOUBLE_EQ(Quota("2:cpu:/b\n0::/\n"), 1.5);
}

TEST_F(CpuBudgetTest, WhatTheKernelWouldNotWriteIsNoQuota) {
  for (const char* text :
       {"", "\n", " ", "max", "nan 100000", "inf 100000", "1e9 100000", "0x10 100000", "-5 100000", "50000", "50000 0",
        "50000 -1", "50000 max", "99999999999999999999999 100000", "50000\t100000", "50000,100000"}) {
    Write("cpu.max", text);
    EXPECT_EQ(Quota(), 0) << text;
  }
  Write("cpu.max", std::string(1 << 20, '5') + " 100000");
  EXPECT_EQ(Quota(), 0);
  Write("cpu.max", "18446744073709551615 1\n");  // more than any number of cores
  EXPECT_GE(ReadCpuBudget({.cgroups = root_, .proc = root_}).usable(), 1u);
}

TEST(UsableCores, AreTheSmallerOfAffinityAndQuotaRoundedUp) {
  EXPECT_EQ((CpuBudget{.affinity_cores = 4, .quota_cores = 0}).usable(), 4u);
  EXPECT_EQ((CpuBudget{.affinity_cores = 4, .quota_cores = 1.5}).usable(), 2u);
  EXPECT_EQ((CpuBudget{.affinity_cores = 4, .quota_cores = 0.2}).usable(), 1u);
  EXPECT_EQ((CpuBudget{.affinity_cores = 2, .quota_cores = 8}).usable(), 2u);
}

}  // namespace
}  // namespace roberta::machine

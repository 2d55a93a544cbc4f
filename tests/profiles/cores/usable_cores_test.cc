#include "profiles/cores/cores.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace roberta::cores {
namespace {

class CpuBudgetTest : public testing::Test {
 protected:
  CpuBudgetTest()
      : root_(testing::TempDir() + "cgroup_" + testing::UnitTest::GetInstance()->current_test_info()->name()) {
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_ + "/cpu");
  }
  ~CpuBudgetTest() override { std::filesystem::remove_all(root_); }

  void Write(const std::string& file, const std::string& text) { std::ofstream(root_ + "/" + file) << text; }

  const std::string root_;
};

TEST_F(CpuBudgetTest, ReadsAVersion2Quota) {
  Write("cpu.max", "150000 100000\n");
  EXPECT_DOUBLE_EQ(ReadCpuBudget(root_).quota_cores, 1.5);
}

TEST_F(CpuBudgetTest, MaxMeansNoQuota) {
  Write("cpu.max", "max 100000\n");
  EXPECT_EQ(ReadCpuBudget(root_).quota_cores, 0);
}

TEST_F(CpuBudgetTest, ReadsAVersion1Quota) {
  Write("cpu/cpu.cfs_quota_us", "50000\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_DOUBLE_EQ(ReadCpuBudget(root_).quota_cores, 0.5);
}

TEST_F(CpuBudgetTest, MinusOneMeansNoQuota) {
  Write("cpu/cpu.cfs_quota_us", "-1\n");
  Write("cpu/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(ReadCpuBudget(root_).quota_cores, 0);
}

TEST_F(CpuBudgetTest, NoCgroupMeansNoQuota) {
  EXPECT_EQ(ReadCpuBudget("/nonexistent").quota_cores, 0);
}

TEST(UsableCores, AreTheSmallerOfAffinityAndQuotaRoundedUp) {
  EXPECT_EQ((CpuBudget{.affinity_cores = 4, .quota_cores = 0}).usable(), 4u);
  EXPECT_EQ((CpuBudget{.affinity_cores = 4, .quota_cores = 1.5}).usable(), 2u);
  EXPECT_EQ((CpuBudget{.affinity_cores = 4, .quota_cores = 0.2}).usable(), 1u);
  EXPECT_EQ((CpuBudget{.affinity_cores = 2, .quota_cores = 8}).usable(), 2u);
}

}  // namespace
}  // namespace roberta::cores

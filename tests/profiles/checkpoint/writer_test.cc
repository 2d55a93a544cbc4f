#include "profiles/checkpoint/save.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_join.h"
#include "profiles/checkpoint/safetensors.h"
#include "tests/profiles/checkpoint/checkpoint_fixture.h"
#include "tests/profiles/checkpoint/run_command.h"
#include "tests/test_paths.h"

namespace roberta::checkpoint {
namespace {

using checkpoint_fixture::AsBytes;
using checkpoint_fixture::MakeTensor;
using checkpoint_fixture::ReadFile;
using checkpoint_fixture::ScratchDirectory;
using checkpoint_fixture::ShellWord;
using checkpoint_fixture::Tensor;
using checkpoint_fixture::ViewsOf;
using checkpoint_fixture::WriteFile;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<Tensor> MixedTensors() {
  return {MakeTensor("odd.half", {3}, Dtype::kF16, 1),     MakeTensor("brain", {2, 5}, Dtype::kBF16, 2),
          MakeTensor("single", {2, 3, 1}, Dtype::kF32, 3), MakeTensor("ids", {1, 2}, Dtype::kI64, 4),
          MakeTensor("scalar", {}, Dtype::kF32, 5),        MakeTensor("none", {0, 4}, Dtype::kF16, 6)};
}

std::string Describe(std::vector<Tensor> tensors) {
  std::sort(tensors.begin(), tensors.end(), [](const Tensor& a, const Tensor& b) { return a.name < b.name; });
  std::string lines;
  for (const Tensor& tensor : tensors) {
    lines += tensor.name + " " + std::string(DtypeName(tensor.dtype)) + " [" + absl::StrJoin(tensor.shape, ",") + "] " +
             absl::BytesToHexString(tensor.bytes) + "\n";
  }
  return lines;
}

class WriterTest : public ::testing::Test {
 protected:
  absl::Status Write(const std::vector<Tensor>& tensors) {
    return WriteSafetensors(path_, ViewsOf(tensors), {{"format", "pt"}});
  }
  checkpoint_fixture::CommandResult DescribeByPython(const std::string& reader) {
    return checkpoint_fixture::RunCommand(
        ShellWord(checkpoint_fixture::PythonInterpreter()) + " " +
        ShellWord(test_paths::InRepository("tests/profiles/checkpoint/describe_safetensors.py")) + " " + reader + " " +
        ShellWord(path_));
  }
  void ExpectRefused(const std::vector<Tensor>& tensors, const std::string& text) {
    const absl::Status status = Write(tensors);
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()), AllOf(HasSubstr(path_ + ": "), HasSubstr(text)));
    EXPECT_THAT(scratch_.Names(), IsEmpty());
  }

  ScratchDirectory scratch_;
  const std::string path_ = scratch_.In("model.safetensors");
};

TEST_F(WriterTest, ReaderReadsWhatWasWritten) {
  ASSERT_TRUE(Write(MixedTensors()).ok());
  const std::string bytes = ReadFile(path_);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  std::vector<Tensor> read;
  for (const TensorView& view : file->tensors) {
    read.push_back(
        {view.name, view.dtype, view.shape, {reinterpret_cast<const char*>(view.data.data()), view.data.size()}});
  }
  EXPECT_EQ(Describe(read), Describe(MixedTensors()));
  EXPECT_EQ(file->metadata.at("format"), "pt");
}

TEST_F(WriterTest, PythonReadsItFromTheDescriptionOfTheFormat) {
  ASSERT_TRUE(Write(MixedTensors()).ok());
  const auto described = DescribeByPython("stdlib");
  ASSERT_EQ(described.exit_code, 0) << described.errors;
  EXPECT_EQ(described.output, Describe(MixedTensors()));
}

TEST_F(WriterTest, SafetensorsPackageReadsIt) {
  ASSERT_TRUE(Write(MixedTensors()).ok());
  const auto described = DescribeByPython("package");
  if (described.exit_code == 77) GTEST_SKIP() << "not measured: $ROBERTA_PYTHON or python3 has no package safetensors";
  ASSERT_EQ(described.exit_code, 0) << described.errors;
  EXPECT_EQ(described.output, Describe(MixedTensors()));
}

TEST_F(WriterTest, EveryTensorIsAlignedToItsElement) {
  ASSERT_TRUE(Write(MixedTensors()).ok());
  const std::string bytes = ReadFile(path_);
  const auto file = ParseSafetensors(AsBytes(bytes));
  ASSERT_TRUE(file.ok()) << file.status();
  for (const TensorView& view : file->tensors) {
    EXPECT_EQ(static_cast<size_t>(view.data.data() - AsBytes(bytes).data()) % DtypeBytes(view.dtype), 0u) << view.name;
  }
}

TEST_F(WriterTest, NamesAreEscaped) {
  const std::vector<Tensor> tensors = {MakeTensor("a\"\\é", {1}, Dtype::kF32, 1)};
  ASSERT_TRUE(Write(tensors).ok());
  EXPECT_EQ(ParseSafetensors(AsBytes(ReadFile(path_)))->tensors.at(0).name, "a\"\\é");
}

TEST_F(WriterTest, OldFileIsReplaced) {
  WriteFile(path_, "old");
  ASSERT_TRUE(Write(MixedTensors()).ok());
  EXPECT_THAT(scratch_.Names(), ElementsAre("model.safetensors"));
  EXPECT_TRUE(ParseSafetensors(AsBytes(ReadFile(path_))).ok());
}

TEST_F(WriterTest, FileHasThePermissionsOfANewFile) {
  ASSERT_TRUE(Write(MixedTensors()).ok());
  WriteFile(scratch_.In("new"), "");
  struct stat written {
  }, fresh{};
  ASSERT_EQ(stat(path_.c_str(), &written), 0);
  ASSERT_EQ(stat(scratch_.In("new").c_str(), &fresh), 0);
  EXPECT_EQ(written.st_mode, fresh.st_mode);
}

TEST_F(WriterTest, NameTwiceIsRefused) {
  ExpectRefused({MakeTensor("a", {1}, Dtype::kF32, 1), MakeTensor("a", {1}, Dtype::kF32, 2)},
                "tensor \"a\": occurs twice");
}

TEST_F(WriterTest, ReservedNameIsRefused) {
  ExpectRefused({MakeTensor("__metadata__", {1}, Dtype::kF32, 1)}, "tensor \"__metadata__\": not a name for a tensor");
}

TEST_F(WriterTest, NameThatIsNotUtf8IsRefused) {
  ExpectRefused({MakeTensor("\xff", {1}, Dtype::kF32, 1)}, "is not UTF-8");
}

TEST_F(WriterTest, ShapeOfAnotherSizeThanTheDataIsRefused) {
  std::vector<Tensor> tensors = {MakeTensor("a", {2}, Dtype::kF32, 1)};
  tensors[0].shape = {3};
  ExpectRefused(tensors, "tensor \"a\": has 8 bytes, which is not the size of F32 [3]");
}

TEST_F(WriterTest, MissingDirectoryIsNamed) {
  const absl::Status status = WriteSafetensors(scratch_.In("none/x.safetensors"), {}, {});
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(std::string(status.message()), HasSubstr(scratch_.In("none/x.safetensors") + ": "));
}

TEST_F(WriterTest, DirectoryAtTheNameLeavesNothingBehind) {
  ASSERT_EQ(mkdir(path_.c_str(), 0700), 0);
  const absl::Status status = Write(MixedTensors());
  EXPECT_THAT(std::string(status.message()), HasSubstr(path_ + ": cannot rename a temporary file to it: "));
  EXPECT_THAT(scratch_.Names(), ElementsAre("model.safetensors"));
}

/// Writes in a process of its own, after `prepare`; tells the error on standard error, or "written".
void WriteInChild(const std::string& path, void (*prepare)()) {
  prepare();
  const std::vector<Tensor> tensors = {MakeTensor("large", {100, 100}, Dtype::kF32, 1)};
  const absl::Status status = WriteSafetensors(path, ViewsOf(tensors), {});
  std::fprintf(stderr, "%s\n", status.ok() ? "written" : std::string(status.message()).c_str());
  std::_Exit(0);
}

void LimitFilesTo4096Bytes() {
  std::signal(SIGXFSZ, SIG_IGN);
  const rlimit limit = {4096, 4096};
  setrlimit(RLIMIT_FSIZE, &limit);
}

using WriterDeathTest = WriterTest;
TEST_F(WriterDeathTest, DiskThatFillsUpLeavesTheOldFileAndNothingElse) {
  WriteFile(path_, "old");
  EXPECT_EXIT(WriteInChild(path_, LimitFilesTo4096Bytes), ::testing::ExitedWithCode(0),
              "model.safetensors: cannot write: File too large");
  EXPECT_THAT(scratch_.Names(), ElementsAre("model.safetensors"));
  EXPECT_EQ(ReadFile(path_), "old");
}

void BecomeNobody() {
  if (geteuid() == 0 && setuid(65534) != 0) std::_Exit(1);
}

TEST_F(WriterDeathTest, DirectoryThatIsNotWritableIsNamed) {
  ASSERT_EQ(chmod(scratch_.path().c_str(), 0555), 0);
  EXPECT_EXIT(WriteInChild(path_, BecomeNobody), ::testing::ExitedWithCode(0),
              "model.safetensors: cannot create a file beside it: Permission denied");
  EXPECT_THAT(scratch_.Names(), IsEmpty());
}

}  // namespace
}  // namespace roberta::checkpoint

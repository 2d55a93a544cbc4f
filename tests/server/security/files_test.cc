#include "server/security/files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <cstdio>
#include <fstream>

#include "tests/server/security/made_certificate.h"

namespace roberta::security {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr char kSha256OfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

std::string TlsErrorOf(const std::string& certificate, const std::string& key, const std::string& ca = "",
                       const std::string& ca_file = "") {
  return std::string(ReadTls({.certificate_chain = certificate,
                              .key = key,
                              .client_ca = ca,
                              .certificate_file = "c",
                              .key_file = "k",
                              .client_ca_file = ca_file})
                         .status()
                         .message());
}

TEST(ReadTls, ACertificateWithItsKeyAndChainIsTaken) {
  const MadeCertificate ca = MakeCertificate({.common_name = "ca", .is_ca = true});
  const MadeCertificate server = MakeCertificate({.common_name = "server", .issuer = &ca});
  const auto material = ReadTls({.certificate_chain = server.pem + ca.pem, .key = server.key_pem, .client_ca = ca.pem});
  ASSERT_TRUE(material.ok()) << material.status();
  EXPECT_EQ(material->certificate_chain, server.pem + ca.pem);
  EXPECT_NE(material->context, nullptr);
  EXPECT_THAT(material->warnings, ElementsAre());
  const auto left = material->expires - std::chrono::system_clock::now();
  EXPECT_GT(left, std::chrono::minutes(30));
  EXPECT_LT(left, std::chrono::minutes(61));
}

TEST(ReadTls, WhatTlsWouldNotTakeIsNamed) {
  const MadeCertificate one = MakeCertificate({.common_name = "one"});
  const MadeCertificate other = MakeCertificate({.common_name = "other"});
  const std::string encrypted = PemOf([&](BIO* out) {
    PEM_write_bio_PrivateKey(out, one.key.get(), EVP_aes_128_cbc(), nullptr, 0, nullptr, const_cast<char*>("secret"));
  });
  EXPECT_THAT(TlsErrorOf("", one.key_pem), HasSubstr("c: certificate 1 cannot be read"));
  EXPECT_THAT(TlsErrorOf(one.key_pem, one.key_pem), HasSubstr("c: certificate 1 cannot be read"));
  EXPECT_THAT(TlsErrorOf(one.pem.substr(0, 200), one.key_pem), HasSubstr("c: certificate 1 cannot be read"));
  EXPECT_THAT(TlsErrorOf(one.pem + other.pem.substr(0, 200), one.key_pem), HasSubstr("c: certificate 2 cannot"));
  EXPECT_THAT(TlsErrorOf(one.pem, one.pem), HasSubstr("k: the private key cannot be read"));
  EXPECT_THAT(TlsErrorOf(one.pem, encrypted),
              HasSubstr("k: the private key cannot be read (it must not be encrypted)"));
  EXPECT_THAT(TlsErrorOf(one.pem, other.key_pem), HasSubstr("k: not the key of the certificate in c"));
  EXPECT_THAT(TlsErrorOf(one.pem, one.key_pem, "", "a"), HasSubstr("a: certificate 1 cannot be read"));
  EXPECT_FALSE(
      ReadTls({.certificate_chain = one.pem, .key = one.key_pem, .require_client_certificate = true}).ok());  // no CA
}

TEST(ReadTls, ACertificateOutOfItsTimeIsAWarning) {
  const MadeCertificate expired = MakeCertificate({.valid_from_s = -7200, .valid_to_s = -3600});
  const MadeCertificate early = MakeCertificate({.valid_from_s = 3600, .valid_to_s = 7200});
  const auto warnings = [](const MadeCertificate& made) {
    return ReadTls({.certificate_chain = made.pem, .key = made.key_pem, .certificate_file = "c"})->warnings;
  };
  EXPECT_THAT(warnings(expired), ElementsAre("c: the certificate has expired"));
  EXPECT_THAT(warnings(early), ElementsAre("c: the certificate is not valid yet"));
}

/// Writes files in a directory of the test.
class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
    directory_ = ::testing::TempDir() + "/files_test_" + test->name() + "_" + std::to_string(getpid());
    mkdir(directory_.c_str(), 0700);
  }
  std::string Path(const std::string& name) const { return directory_ + "/" + name; }
  /// As careful writers do: whole or not at all.
  std::string Replace(const std::string& name, const std::string& text) const {
    std::ofstream(Path("new")) << text;
    std::rename(Path("new").c_str(), Path(name).c_str());
    return Path(name);
  }
  std::string directory_;
};

using WatchedFilesTest = FilesTest;

TEST_F(WatchedFilesTest, AreReadWhenOneChanges) {
  WatchedFiles files({Replace("a", "1"), Replace("b", "2")});
  EXPECT_THAT(**files.ReadIfChanged(), ElementsAre("1", "2"));
  EXPECT_FALSE(*files.ReadIfChanged());
  Replace("b", "3");
  EXPECT_THAT(**files.ReadIfChanged(), ElementsAre("1", "3"));
  EXPECT_FALSE(*files.ReadIfChanged());
}

TEST_F(WatchedFilesTest, AreReadWhenOneIsWrittenInPlaceWithTheSameTime) {
  WatchedFiles files({Replace("a", "1")});
  EXPECT_TRUE(*files.ReadIfChanged());
  std::ofstream(Path("a")) << "2";
  EXPECT_THAT(**files.ReadIfChanged(), ElementsAre("2"));
}

TEST_F(WatchedFilesTest, ALinkToAnotherFileIsAChange) {
  Replace("first", "1");
  Replace("second", "2");
  ASSERT_EQ(symlink("first", Path("link").c_str()), 0);
  WatchedFiles files({Path("link")});
  EXPECT_THAT(**files.ReadIfChanged(), ElementsAre("1"));
  ASSERT_EQ(unlink(Path("link").c_str()), 0);
  ASSERT_EQ(symlink("second", Path("link").c_str()), 0);
  EXPECT_THAT(**files.ReadIfChanged(), ElementsAre("2"));
}

TEST_F(WatchedFilesTest, AnErrorIsReportedOnceAndWhatFollowsIsRead) {
  WatchedFiles files({Path("a")});
  EXPECT_THAT(files.ReadIfChanged().status().message(), HasSubstr("a: cannot read: No such file"));
  EXPECT_FALSE(*files.ReadIfChanged());
  Replace("a", "1");
  EXPECT_THAT(**files.ReadIfChanged(), ElementsAre("1"));
  unlink(Path("a").c_str());
  EXPECT_TRUE(absl::IsNotFound(files.ReadIfChanged().status()));
  Replace("a", "1");
  EXPECT_TRUE(*files.ReadIfChanged());
}

TEST_F(WatchedFilesTest, WhatIsNoFileOrTooLargeIsRefusedWithoutWaiting) {
  ASSERT_EQ(mkfifo(Path("pipe").c_str(), 0600), 0);
  EXPECT_TRUE(absl::IsInvalidArgument(WatchedFiles({Path("pipe")}).ReadIfChanged().status()));
  EXPECT_TRUE(absl::IsInvalidArgument(WatchedFiles({directory_}).ReadIfChanged().status()));
  const std::string large = Replace("large", std::string(kMostCredentialsBytes + 1, 'a'));
  EXPECT_TRUE(absl::IsInvalidArgument(WatchedFiles({large}).ReadIfChanged().status()));
}

/// Collects what SecurityFiles tell.
class SecurityFilesTest : public FilesTest {
 protected:
  void Open() {
    auto files = SecurityFiles::Open({.credentials_file = Path("callers"),
                                      .certificate_file = Path("server.pem"),
                                      .key_file = Path("server.key"),
                                      .interval = std::chrono::milliseconds(1),
                                      .changed =
                                          [this](const FileChange& change) {
                                            const std::lock_guard lock(mutex_);
                                            ++(change.status.ok() ? used_ : refused_);
                                            changed_.notify_all();
                                          }},
                                     &guard_);
    ASSERT_TRUE(files.ok()) << files.status();
    files_ = *std::move(files);
    files_->Watch();
  }
  void WaitFor(const int& count, int wanted) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return count >= wanted; });
  }
  bool Knows(const char* token) {
    return !guard_.Check({.authorization = std::string("Bearer ") + token}, Role::kInference).failure;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  int used_ = 0, refused_ = 0;  ///< guarded by mutex_
  Guard guard_{{.anonymous_role = Role::kNone}};
  std::unique_ptr<SecurityFiles> files_;
};

TEST_F(SecurityFilesTest, ChangesAreUsedAndWhatIsWrongIsNot) {
  const MadeCertificate one = MakeCertificate({.common_name = "one"});
  const MadeCertificate two = MakeCertificate({.common_name = "two"});
  Replace("callers", std::string("app inference ") + kSha256OfAbc);
  Replace("server.pem", one.pem);
  Replace("server.key", one.key_pem);
  Open();
  EXPECT_EQ(used_, 2);
  EXPECT_TRUE(Knows("abc"));
  EXPECT_EQ(files_->tls()->certificate_chain, one.pem);

  Replace("callers", "app inference nonsense");
  WaitFor(refused_, 1);
  EXPECT_TRUE(Knows("abc"));
  Replace("callers", std::string("# nobody"));
  WaitFor(used_, 3);
  EXPECT_FALSE(Knows("abc"));

  Replace("server.pem", two.pem);  // its key is not there yet
  WaitFor(refused_, 2);
  EXPECT_EQ(files_->tls()->certificate_chain, one.pem);
  Replace("server.key", two.key_pem);
  WaitFor(used_, 4);
  EXPECT_EQ(files_->tls()->certificate_chain, two.pem);
  EXPECT_EQ(files_->tls()->key, two.key_pem);
}

TEST_F(SecurityFilesTest, WhatIsWrongAtStartIsAnError) {
  Guard guard({});
  const auto error = [&](SecurityFilesOptions options) {
    return std::string(SecurityFiles::Open(std::move(options), &guard).status().message());
  };
  EXPECT_THAT(error({.credentials_file = Path("none")}), HasSubstr("none: cannot read"));
  EXPECT_THAT(error({.credentials_file = Replace("bad", "x")}), HasSubstr("bad:1: there must be a name"));
  EXPECT_THAT(error({.certificate_file = Path("none"), .key_file = Path("none")}), HasSubstr("none: cannot read"));
  EXPECT_EQ(error({}), "");
}

}  // namespace
}  // namespace roberta::security

#include "server/sockets/agent_checks.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>

namespace roberta::sockets {
namespace {

int Connect(uint16_t port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return connection;
}

std::string ReadAll(int connection) {
  std::string all;
  char buffer[64];
  for (ssize_t got; (got = read(connection, buffer, sizeof buffer)) > 0;) all.append(buffer, static_cast<size_t>(got));
  close(connection);
  return all;
}

TEST(AgentChecks, EachGetsTheLineOfTheMomentAndTheEnd) {
  auto listening = ListenOn("127.0.0.1", 0, "for agent checks");
  ASSERT_TRUE(listening.ok()) << listening.status();
  AgentChecks checks(*std::move(listening));
  checks.Answer("nobody is there\n");
  const int first = Connect(checks.port()), second = Connect(checks.port());
  checks.Answer("ready up 80%\n");
  EXPECT_EQ(ReadAll(first), "ready up 80%\n");
  EXPECT_EQ(ReadAll(second), "ready up 80%\n");
  const int third = Connect(checks.port());
  checks.Answer(kDrainLine);
  EXPECT_EQ(ReadAll(third), "drain\n");
}

TEST(AgentChecks, OneWhoIsGoneHarmsNobody) {
  auto listening = ListenOn("127.0.0.1", 0, "for agent checks");
  ASSERT_TRUE(listening.ok()) << listening.status();
  AgentChecks checks(*std::move(listening));
  close(Connect(checks.port()));
  const int second = Connect(checks.port());
  checks.Answer("drain\n");
  EXPECT_EQ(ReadAll(second), "drain\n");
}

TEST(AgentChecks, TheWeightFallsWithTheLoadAndIsNeverNothing) {
  EXPECT_EQ(WeightLine(0), "ready up 100%\n");
  EXPECT_EQ(WeightLine(1), "ready up 50%\n");
  EXPECT_EQ(WeightLine(1e9), "ready up 1%\n");
  EXPECT_EQ(WeightLine(-1), "ready up 100%\n");
}

}  // namespace
}  // namespace roberta::sockets

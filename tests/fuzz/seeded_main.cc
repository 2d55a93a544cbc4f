// Drives a libFuzzer target without libFuzzer: every file of the corpus as it is, then seeded mutations of them.
// Usage: x_fuzz [--runs N] [--seed N] [--max-len N] [CORPUS_FILE_OR_DIRECTORY ...]
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

using Bytes = std::vector<uint8_t>;

void RunOne(const Bytes& input) {
  LLVMFuzzerTestOneInput(input.data(), input.size());
}

Bytes ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

std::vector<Bytes> ReadCorpus(const std::vector<std::string>& arguments) {
  std::vector<std::filesystem::path> paths;
  for (const std::string& argument : arguments) {
    if (!std::filesystem::is_directory(argument)) {
      paths.emplace_back(argument);
      continue;
    }
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argument)) {
      if (entry.is_regular_file()) paths.push_back(entry.path());
    }
  }
  std::sort(paths.begin(), paths.end());  // the order of a directory is not a seed
  std::vector<Bytes> corpus;
  for (const auto& path : paths) corpus.push_back(ReadFile(path));
  if (corpus.empty()) corpus.emplace_back();
  return corpus;
}

/// The classic mutations: flip a bit, set a byte to an edge value, insert, erase, repeat a piece, splice with another
/// input.
void Mutate(Bytes& input, const std::vector<Bytes>& corpus, size_t max_len, std::mt19937_64& random) {
  static constexpr uint8_t kEdges[] = {0x00, 0x01, 0x7f, 0x80, 0xc0, 0xe2, 0xed, 0xf4, 0xff, '"', '{', '[', ' ', '0'};
  auto below = [&](size_t n) { return n == 0 ? size_t{0} : static_cast<size_t>(random() % n); };
  const size_t rounds = 1 + below(6);
  for (size_t round = 0; round < rounds; ++round) {
    const size_t at = below(input.size());
    switch (below(6)) {
      case 0:
        if (!input.empty()) input[at] ^= static_cast<uint8_t>(1u << below(8));
        break;
      case 1:
        if (!input.empty()) input[at] = kEdges[below(std::size(kEdges))];
        break;
      case 2:
        input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), kEdges[below(std::size(kEdges))]);
        break;
      case 3:
        if (!input.empty()) {
          const size_t end = at + below(std::min<size_t>(input.size() - at, 64)) + 1;
          input.erase(input.begin() + static_cast<std::ptrdiff_t>(at),
                      input.begin() + static_cast<std::ptrdiff_t>(std::min(end, input.size())));
        }
        break;
      case 4:
        if (!input.empty()) {
          const size_t length = std::min<size_t>(input.size() - at, 1 + below(32));
          const Bytes piece(input.begin() + static_cast<std::ptrdiff_t>(at),
                            input.begin() + static_cast<std::ptrdiff_t>(at + length));
          input.insert(input.begin() + static_cast<std::ptrdiff_t>(at), piece.begin(), piece.end());
        }
        break;
      default: {
        const Bytes& other = corpus[below(corpus.size())];
        const size_t from = below(other.size());
        input.resize(at);
        input.insert(input.end(), other.begin() + static_cast<std::ptrdiff_t>(from), other.end());
      }
    }
  }
  if (input.size() > max_len) input.resize(max_len);
}

}  // namespace

int main(int argc, char** argv) {
  uint64_t runs = 20000, seed = 1;
  size_t max_len = 4096;
  std::vector<std::string> paths;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    auto number = [&] { return i + 1 < argc ? std::strtoull(argv[++i], nullptr, 10) : 0; };
    if (argument == "--runs") {
      runs = number();
    } else if (argument == "--seed") {
      seed = number();
    } else if (argument == "--max-len") {
      max_len = number();
    } else {
      paths.emplace_back(argument);
    }
  }
  const std::vector<Bytes> corpus = ReadCorpus(paths);
  for (const Bytes& input : corpus) RunOne(input);
  std::mt19937_64 random(seed);
  for (uint64_t run = 0; run < runs; ++run) {
    Bytes input = corpus[static_cast<size_t>(random() % corpus.size())];
    Mutate(input, corpus, max_len, random);
    RunOne(input);
  }
  std::printf("%zu corpus inputs and %llu mutations (seed %llu) passed\n", corpus.size(),
              static_cast<unsigned long long>(runs), static_cast<unsigned long long>(seed));
}

#include "profiles/tool/line_output.h"

#include <cerrno>
#include <cstring>

namespace roberta::tool {

bool LineOutput::Write(std::string_view line) {
  if (error_ != 0) return false;
  if (std::fwrite(line.data(), 1, line.size(), stream_) != line.size() || std::fputc('\n', stream_) == EOF)
    error_ = errno;
  return error_ == 0;
}

bool LineOutput::Flush() {
  if (error_ == 0 && std::fflush(stream_) != 0) error_ = errno;
  return error_ == 0;
}

void LineOutput::ReportFailure() const {
  if (error_ == 0 || error_ == EPIPE) return;
  std::fprintf(stderr, "error: cannot write to standard output: %s\n", std::strerror(error_));
}

}  // namespace roberta::tool

# The version that --version, logs and metrics print: project version and, in a git checkout, the commit it was built from.
find_package(Git QUIET)
set(ROBERTA_GIT_COMMIT "unknown")
if(Git_FOUND AND EXISTS "${CMAKE_SOURCE_DIR}/.git")
  execute_process(COMMAND "${GIT_EXECUTABLE}" rev-parse --short=12 HEAD WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
    OUTPUT_VARIABLE commit OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET RESULT_VARIABLE failed)
  if(NOT failed)
    set(ROBERTA_GIT_COMMIT "${commit}")
  endif()
endif()
# The values are in a source file of their own, so that a new commit does not recompile all that prints them.
configure_file("${CMAKE_SOURCE_DIR}/cmake/version.h.in" "${CMAKE_BINARY_DIR}/include/version/version/version.h" @ONLY)
configure_file("${CMAKE_SOURCE_DIR}/cmake/version.cc.in" "${CMAKE_BINARY_DIR}/generated/version.cc" @ONLY)
add_library(version STATIC "${CMAKE_BINARY_DIR}/generated/version.cc")
target_include_directories(version PUBLIC "$<BUILD_INTERFACE:${CMAKE_BINARY_DIR}/include/version>")

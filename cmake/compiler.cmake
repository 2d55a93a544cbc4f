# One language level, one set of warnings, one place for sanitizers: every target of ours gets these.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()

find_program(CCACHE_PROGRAM ccache)
if(CCACHE_PROGRAM)
  set(CMAKE_CXX_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
  set(CMAKE_C_COMPILER_LAUNCHER "${CCACHE_PROGRAM}")
endif()

# mold links a program of ours in a tenth of the time, and there are a hundred of them.
find_program(MOLD_PROGRAM mold)
if(MOLD_PROGRAM)
  add_link_options(-fuse-ld=mold)
endif()

# Binaries find their own libraries from wherever the install tree is moved to.
set(CMAKE_INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")

# Designated initialisers leave fields to their defaults on purpose, hence the one exception.
set(ROBERTA_WARNINGS
  -Wall -Wextra -Wno-missing-field-initializers -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wcast-qual -Wundef -Werror)

# gcc 13 and later break up some chains of fused multiply-adds, as the shape of a loop has it: the same row would then get other
# last bits where a loop was inlined with other neighbours.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_GREATER_EQUAL 13)
  add_compile_options(--param=avoid-fma-max-bits=0)
endif()

# Under sanitizers gcc takes much of the standard library, std::regex say, for uninitialised (gcc's manual says so of -fsanitize).
if(ROBERTA_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  list(APPEND ROBERTA_WARNINGS -Wno-maybe-uninitialized)
endif()

if(ROBERTA_SANITIZE)
  add_compile_options(-fsanitize=${ROBERTA_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${ROBERTA_SANITIZE})
endif()
if(ROBERTA_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

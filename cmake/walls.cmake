# Heavy third-party headers live on the compiler's default path, so every file could include them. A wall is a directory,
# searched before the default path, whose headers carry the same names and stop the compiler. A module that does not
# declare `USES torch` (say) is compiled behind torch's wall.
set(ROBERTA_WALLED grpc torch prometheus boost dnnl)

function(_roberta_build_wall name)
  set(wall "${CMAKE_BINARY_DIR}/walls/${name}")
  set(stop "${wall}.h")
  file(WRITE "${stop}"
    "#error \"this module does not declare USES ${name} in its CMakeLists.txt, so it may not include ${name}'s headers\"\n")
  foreach(pattern IN LISTS ARGN)
    file(GLOB_RECURSE headers RELATIVE /usr/include "/usr/include/${pattern}.h" "/usr/include/${pattern}.hpp")
    set(names ${headers})
    list(TRANSFORM names REPLACE "^torch/csrc/api/include/" "")  # LibTorch's public headers have a root of their own
    list(APPEND names ${headers})
    list(REMOVE_DUPLICATES names)
    foreach(header IN LISTS names)
      get_filename_component(folder "${wall}/${header}" DIRECTORY)
      file(MAKE_DIRECTORY "${folder}")
      file(CREATE_LINK "${stop}" "${wall}/${header}" SYMBOLIC)
    endforeach()
  endforeach()
endfunction()

# Built again once LibTorch is installed, whose headers were not there before.
set(walls_complete "${CMAKE_BINARY_DIR}/walls/complete-boost-libtorch-${ROBERTA_LIBTORCH_VERSION}")
if(NOT EXISTS "${walls_complete}")
  _roberta_build_wall(grpc grpc/* grpcpp/*)
  _roberta_build_wall(torch torch/* ATen/* c10/* caffe2/*)
  _roberta_build_wall(prometheus prometheus/*)
  _roberta_build_wall(boost boost/asio/* boost/beast/* boost/asio* boost/beast*)
  _roberta_build_wall(dnnl oneapi/dnnl/* dnnl*)
  file(WRITE "${walls_complete}" "")
endif()

# Puts `target` behind the walls of everything that the remaining arguments do not name.
function(roberta_wall target)
  foreach(name IN LISTS ROBERTA_WALLED)
    if(NOT name IN_LIST ARGN)
      target_include_directories(${target} BEFORE PRIVATE "${CMAKE_BINARY_DIR}/walls/${name}")
    endif()
  endforeach()
endfunction()

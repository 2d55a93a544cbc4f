# roberta_module(NAME tokenizer [FOLDER profiles/tokenizer] [SOURCES a.cc ...] [HEADERS a.h ...]
#                [HOT] [DEPS public targets ...] [PRIVATE_DEPS targets ...] [USES grpc torch prometheus boost dnnl drawing])
#
# A module is a folder, a namespace and a target of one name. Its headers are seen under their full path from the root of the
# repository, but only by modules that name it in DEPS: each module exports an include directory that holds links to its own
# headers and nothing else, and the root itself is on nobody's include path. So an arrow that is not declared does not compile.
# HOT: most of the time of tests is spent in it, so that it is optimised where nothing else is (see the presets).
# Without SOURCES and HEADERS, every .cc and .h of the folder belongs to the module.
function(roberta_module)
  cmake_parse_arguments(M "HOT" "NAME;FOLDER" "SOURCES;HEADERS;DEPS;PRIVATE_DEPS;USES" ${ARGN})
  if(M_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "roberta_module(${M_NAME}): unknown arguments ${M_UNPARSED_ARGUMENTS}")
  endif()
  if(NOT M_FOLDER)
    file(RELATIVE_PATH M_FOLDER "${CMAKE_SOURCE_DIR}" "${CMAKE_CURRENT_SOURCE_DIR}")
  endif()
  set(folder "${CMAKE_SOURCE_DIR}/${M_FOLDER}")
  if(NOT M_SOURCES AND NOT M_HEADERS)
    file(GLOB M_SOURCES CONFIGURE_DEPENDS RELATIVE "${folder}" "${folder}/*.cc")
    file(GLOB M_HEADERS CONFIGURE_DEPENDS RELATIVE "${folder}" "${folder}/*.h")
  endif()

  set(exported "${CMAKE_BINARY_DIR}/include/${M_NAME}")
  file(REMOVE_RECURSE "${exported}")
  file(MAKE_DIRECTORY "${exported}/${M_FOLDER}")
  foreach(header IN LISTS M_HEADERS)
    file(CREATE_LINK "${folder}/${header}" "${exported}/${M_FOLDER}/${header}" SYMBOLIC)
  endforeach()

  if(M_SOURCES)
    list(TRANSFORM M_SOURCES PREPEND "${folder}/")
    add_library(${M_NAME} STATIC ${M_SOURCES})
    roberta_leave_out(${M_NAME})
    if(M_HOT AND ROBERTA_SANITIZE)
      target_compile_options(${M_NAME} PRIVATE -O2)
    endif()
    target_include_directories(${M_NAME} PUBLIC "$<BUILD_INTERFACE:${exported}>")
    target_link_libraries(${M_NAME} PUBLIC ${M_DEPS} PRIVATE ${M_PRIVATE_DEPS})
    roberta_compile(${M_NAME})
    roberta_use(${M_NAME} PRIVATE ${M_USES})
  else()
    add_library(${M_NAME} INTERFACE)
    target_include_directories(${M_NAME} INTERFACE "${exported}")
    target_link_libraries(${M_NAME} INTERFACE ${M_DEPS})
  endif()
endfunction()

# How every target of ours is compiled.
function(roberta_compile target)
  target_compile_options(${target} PRIVATE ${ROBERTA_WARNINGS})
  if(ROBERTA_UNITY)
    roberta_compile_together(${target})
  endif()
endfunction()

# Under sanitizers only those tests are built that have something to show there, and what they are linked with.
function(roberta_leave_out target)
  if(ROBERTA_SANITIZE AND NOT ROBERTA_FUZZ AND NOT ROBERTA_EVERY_TEST)
    set_target_properties(${target} PROPERTIES EXCLUDE_FROM_ALL ON)
  endif()
endfunction()

# Opens the walls that `target` names and links what stands behind them.
function(roberta_use target scope)
  roberta_wall(${target} ${ARGN})
  set(libraries_grpc PkgConfig::grpcpp)
  set(libraries_torch torch_headers_and_libraries)
  set(libraries_prometheus PkgConfig::prometheus)
  set(libraries_boost Boost::boost)
  set(libraries_dnnl dnnl)
  set(libraries_drawing PkgConfig::drawing)
  foreach(name IN LISTS ARGN)
    target_link_libraries(${target} ${scope} ${libraries_${name}})
  endforeach()
endfunction()

# roberta_binary(NAME roberta-server SOURCES main.cc DEPS ... [USES ...] [INSTALL component]): a program. What is installed belongs to a
# package of that name (see packages.cmake) and comes with the scripts by which shells complete its command line, which it prints itself.
function(roberta_binary)
  cmake_parse_arguments(B "" "NAME;INSTALL" "SOURCES;DEPS;USES" ${ARGN})
  add_executable(${B_NAME} ${B_SOURCES})
  target_link_libraries(${B_NAME} PRIVATE ${B_DEPS})
  roberta_compile(${B_NAME})
  roberta_use(${B_NAME} PRIVATE ${B_USES})
  set_target_properties(${B_NAME} PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}/bin")
  if(B_INSTALL)
    roberta_leave_out(${B_NAME})
    add_dependencies(programs ${B_NAME})
    install(TARGETS ${B_NAME} RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT ${B_INSTALL})
    set(scripts "${CMAKE_BINARY_DIR}/completion")
    file(MAKE_DIRECTORY "${scripts}")
    foreach(shell IN ITEMS bash zsh)
      # By renaming, since several may install at a time.
      install(CODE "string(RANDOM LENGTH 12 new)
        execute_process(COMMAND \"$<TARGET_FILE:${B_NAME}>\" --completion ${shell} OUTPUT_FILE \"${scripts}/\${new}\" COMMAND_ERROR_IS_FATAL ANY)
        file(RENAME \"${scripts}/\${new}\" \"${scripts}/${B_NAME}.${shell}\")" COMPONENT ${B_INSTALL})
    endforeach()
    install(FILES "${scripts}/${B_NAME}.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME ${B_NAME}
      COMPONENT ${B_INSTALL})
    install(FILES "${scripts}/${B_NAME}.zsh" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions" RENAME _${B_NAME}
      COMPONENT ${B_INSTALL})
  endif()
endfunction()

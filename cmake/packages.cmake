# Debian packages by CPack: `cpack --config build/release/CPackConfig.cmake -B build/packages-of-ours`. What belongs to these alone (the
# service, its configuration, manual pages, licenses) is not part of `cmake --install`, which may go anywhere.
set(packages server tools model)
set(description_server "server that classifies texts with RoBERTa models over gRPC
It answers gRPC and JSON over HTTP, batches without padding, and needs neither
Python nor a GPU. The service is roberta-server; what it serves is in
/etc/roberta-serve/server.textproto.")
set(description_tools "client, model tool and load test of roberta-server
roberta-client classifies texts and files through a server, roberta-model
works on checkpoints offline, roberta-loadtest measures servers under load and
writes reports.")
set(description_model "demo model of roberta-server
A small classifier of film reviews, negative or positive, to try the server.")
set(description_libtorch "profile reference and pruning for roberta-server
The module with LibTorch that roberta-server loads for the profile reference,
and roberta-model for pruning.")
if(TARGET libtorch_module)
  list(APPEND packages libtorch)
endif()
set(names "server=roberta-server;tools=roberta-tools;model=roberta-demo-model;libtorch=roberta-libtorch")

# The programs of a package, for manual pages.
set(programs_server roberta-server)
set(programs_tools roberta-client roberta-model roberta-loadtest)

set(CPACK_GENERATOR DEB)
set(CPACK_COMPONENTS_ALL ${packages})
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_PACKAGE_CONTACT "roberta-serve <roberta-serve@localhost>" CACHE STRING "Maintainer in the packages")
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_STRIP_FILES ON)
# Files outside of /usr need the way by DESTDIR.
set(CPACK_SET_DESTDIR ON)
set(CPACK_INSTALL_PREFIX /usr)
# Versions of two distributions can be told apart, and follow each other.
file(STRINGS /etc/os-release release REGEX "^VERSION_ID=")
string(REGEX REPLACE "[^0-9.]" "" release "${release}")
set(CPACK_DEBIAN_PACKAGE_RELEASE "1+deb${release}")

set(CPACK_DEBIAN_SERVER_PACKAGE_DEPENDS "adduser")
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS "roberta-demo-model, roberta-tools")
set(CPACK_DEBIAN_SERVER_PACKAGE_SUGGESTS "roberta-libtorch")
set(CPACK_DEBIAN_TOOLS_PACKAGE_SUGGESTS "roberta-libtorch, gnuplot-nox, fonts-inter")
set(CPACK_DEBIAN_LIBTORCH_PACKAGE_RECOMMENDS "libopenblas0-pthread")
set(CPACK_DEBIAN_LIBTORCH_PACKAGE_ENHANCES "roberta-server, roberta-tools")
set(CPACK_DEBIAN_MODEL_PACKAGE_ARCHITECTURE all)
set(CPACK_DEBIAN_MODEL_PACKAGE_SHLIBDEPS OFF)
set(debian "${CMAKE_SOURCE_DIR}/deploy/debian")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA "${debian}/postinst;${debian}/prerm;${debian}/postrm;${debian}/conffiles")

install(FILES deploy/systemd/roberta-server.service DESTINATION lib/systemd/system COMPONENT server EXCLUDE_FROM_ALL)
install(FILES deploy/systemd/server.textproto DESTINATION /etc/roberta-serve COMPONENT server EXCLUDE_FROM_ALL)
install(FILES proto/config/server_config.proto deploy/prometheus/alerts.yml deploy/grafana/dashboard.json
  DESTINATION share/doc/roberta-server COMPONENT server EXCLUDE_FROM_ALL)

foreach(component IN LISTS packages)
  string(TOUPPER ${component} upper)
  string(REGEX REPLACE "(^|.*;)${component}=([^;]*).*" "\\2" name "${names}")
  set(CPACK_DEBIAN_${upper}_PACKAGE_NAME ${name})
  set(CPACK_DEBIAN_${upper}_PACKAGE_SECTION misc)
  set(CPACK_COMPONENT_${upper}_DESCRIPTION "${description_${component}}")
  set(documents "${CMAKE_BINARY_DIR}/debian/${name}")
  list(TRANSFORM programs_${component} REPLACE "(.+)" "\"$<TARGET_FILE:\\1>\"" OUTPUT_VARIABLE programs)
  list(JOIN programs " " programs)
  string(CONFIGURE [[@name@ (@PROJECT_VERSION@-@CPACK_DEBIAN_PACKAGE_RELEASE@) unstable; urgency=medium

  * changelog.gz has what is new.

 -- @CPACK_PACKAGE_CONTACT@  ]] changes @ONLY)
  install(CODE "
    file(REMOVE_RECURSE \"${documents}\")
    file(MAKE_DIRECTORY \"${documents}/man\")
    if(\"${component}\" STREQUAL model)
      file(WRITE \"${documents}/copyright\" \"The demo model is under the Apache License 2.0, which is in
/usr/share/common-licenses/Apache-2.0. /usr/share/roberta-serve/models/demo-sst2/README.md says where it comes from.\\n\")
    else()
      execute_process(COMMAND \"${CMAKE_SOURCE_DIR}/deploy/licenses\" --compiled-in
        OUTPUT_FILE \"${documents}/copyright\" COMMAND_ERROR_IS_FATAL ANY)
    endif()
    execute_process(COMMAND gzip --best --no-name --stdout \"${CMAKE_SOURCE_DIR}/CHANGELOG.md\"
      OUTPUT_FILE \"${documents}/changelog.gz\" COMMAND_ERROR_IS_FATAL ANY)
    string(TIMESTAMP now \"%a, %d %b %Y %H:%M:%S +0000\" UTC)
    file(WRITE \"${documents}/changelog.Debian\" \"${changes}\${now}\\n\")
    execute_process(COMMAND gzip --best --no-name --force \"${documents}/changelog.Debian\" COMMAND_ERROR_IS_FATAL ANY)
    if(NOT \"${programs_${component}}\" STREQUAL \"\")
      execute_process(COMMAND \"${debian}/man_pages\" \"${documents}/man\" ${programs} COMMAND_ERROR_IS_FATAL ANY)
    endif()" COMPONENT ${component} EXCLUDE_FROM_ALL)
  install(FILES "${documents}/copyright" "${documents}/changelog.gz" "${documents}/changelog.Debian.gz" DESTINATION share/doc/${name} COMPONENT ${component} EXCLUDE_FROM_ALL)
  if(programs)
    install(DIRECTORY "${documents}/man/" DESTINATION share/man/man1 COMPONENT ${component} EXCLUDE_FROM_ALL)
  endif()
endforeach()

include(CPack)

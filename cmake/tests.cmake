# The C tests. They see the core's own headers and link its objects, so that they can replace its effects.
add_library(statekeep_inside INTERFACE)
target_include_directories(statekeep_inside INTERFACE core/src)
target_link_libraries(statekeep_inside INTERFACE statekeep_static PkgConfig::LIBPQ PkgConfig::CJSON statekeep_flags)

# The one-file build that the Python and Ruby packages use: linking it fails when all.c forgets a file.
add_library(statekeep_one_file SHARED core/all.c)
target_include_directories(statekeep_one_file PRIVATE core/include core/src)
target_link_libraries(statekeep_one_file PRIVATE PkgConfig::LIBPQ PkgConfig::CJSON Threads::Threads statekeep_flags)
if(NOT STATEKEEP_SANITIZE AND NOT APPLE)
    target_link_options(statekeep_one_file PRIVATE -Wl,--no-undefined)
endif()

# The public header by itself, as strict C11 and, where there is a compiler, C++11.
include(CheckLanguage)
check_language(CXX)
set(header_sources header.c)
if(CMAKE_CXX_COMPILER)
    enable_language(CXX)
    list(APPEND header_sources header.cc)
endif()
foreach(source ${header_sources})
    file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/${source} CONTENT "#include \"statekeep.h\"\n")
    list(APPEND header_paths ${PROJECT_BINARY_DIR}/${source})
endforeach()
add_library(statekeep_header OBJECT ${header_paths})
set_target_properties(statekeep_header PROPERTIES CXX_STANDARD 11)
target_include_directories(statekeep_header PRIVATE core/include)
target_link_libraries(statekeep_header PRIVATE statekeep_flags)
target_compile_options(statekeep_header PRIVATE -pedantic)

# The simulated world is a library of its own: the simulator and the out-of-memory tests drive the engine in it.
file(GLOB simulator_sources CONFIGURE_DEPENDS tests/simulator/*.c)
list(FILTER simulator_sources EXCLUDE REGEX "/main\\.c$")
add_library(simulated_world STATIC ${simulator_sources})
target_include_directories(simulated_world PUBLIC tests/simulator)
target_link_libraries(simulated_world PUBLIC statekeep_inside)
add_executable(simulator tests/simulator/main.c)
target_link_libraries(simulator PRIVATE simulated_world)
add_test(NAME simulator COMMAND simulator --seeds 200)

# Each tests/unit/test_*.c is a program that exits with 0 when all is well; other programs there are driven by pytest.
file(GLOB unit_sources CONFIGURE_DEPENDS tests/unit/*.c)
foreach(source ${unit_sources})
    get_filename_component(name ${source} NAME_WE)
    add_executable(${name} ${source})
    set_target_properties(${name} PROPERTIES C_EXTENSIONS ON) # POSIX by default
    target_link_libraries(${name} PRIVATE simulated_world statekeep_inside)
    if(name MATCHES "^test_")
        add_test(NAME ${name} COMMAND ${name})
        set_tests_properties(${name} PROPERTIES TIMEOUT 300)
    endif()
endforeach()

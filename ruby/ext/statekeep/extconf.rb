# frozen_string_literal: true

# Compiles the engine and its SWIG wrapper into one extension, statekeep/core, from the checkout. A packed gem brings a
# copy of the engine with the wrapper made (see the gemspec), so that installing it needs no SWIG.
require "mkmf"

packed = File.join(__dir__, "core")
checkout = File.expand_path("../../..", __dir__)
if File.exist?(File.join(checkout, "core", "all.c"))
  core = File.join(checkout, "core")
  wrapper = File.join(Dir.pwd, "core_wrap.c")
  swig = find_executable("swig") or abort "statekeep: building from a checkout needs swig (apt-get install swig)"
  system(swig, "-ruby", "-module", "StateKeep::core", "-I#{core}/include", "-o", wrapper,
         File.join(checkout, "bindings", "statekeep.i")) or abort "statekeep: swig failed"
else
  core = packed
  wrapper = File.join(packed, "core_wrap.c")
end

pkg_config("libpq") or abort "statekeep: libpq is missing (apt-get install libpq-dev)"
pkg_config("libcjson") or abort "statekeep: cJSON is missing (apt-get install libcjson-dev)"

# Two copies of a library in one process crash when they see each other's symbols: only the init function is visible.
if RUBY_PLATFORM.include?("darwin")
  $DLDFLAGS += " -Wl,-exported_symbol,_Init_core"
else
  script = File.join(Dir.pwd, "core.map")
  File.write(script, "{ global: Init_core; local: *; };\n")
  $DLDFLAGS += " -Wl,--version-script=#{script}"
end

$INCFLAGS += " -I#{core}/include"
$defs << "-DSWIG_TYPE_TABLE=statekeep"
$CFLAGS += " -std=gnu11"
$VPATH << core << File.dirname(wrapper)
$srcs = [File.join(core, "all.c"), wrapper]
$objs = %w[all.o core_wrap.o]
create_makefile("statekeep/core")

# all.c is one file only for the compiler.
sources = Dir[File.join(core, "{src,include}", "*.{c,h}")]
File.write("Makefile", "\n$(OBJS): #{sources.join(" ")}\n", mode: "a")

# frozen_string_literal: true

require "fileutils"
require_relative "lib/statekeep/version"

# A gem holds only what lies below its gemspec. In a checkout the engine's sources and the SWIG wrapper are therefore
# copied here whenever the gem is packed; they are never committed.
pack = lambda do |checkout|
  core = "#{__dir__}/ext/statekeep/core"
  FileUtils.rm_rf(core)
  FileUtils.mkdir_p(["#{core}/src", "#{core}/include"])
  FileUtils.cp("#{checkout}/core/all.c", core)
  FileUtils.cp(Dir["#{checkout}/core/src/*.{c,h}"], "#{core}/src")
  FileUtils.cp(Dir["#{checkout}/core/include/*.h"], "#{core}/include")
  FileUtils.cp("#{checkout}/LICENSE", __dir__)
  system("swig", "-ruby", "-module", "StateKeep::core", "-I#{core}/include", "-o", "#{core}/core_wrap.c",
         "#{checkout}/bindings/statekeep.i", exception: true)
end
checkout = File.expand_path("..", __dir__)
pack.call(checkout) if File.exist?("#{checkout}/core/all.c")

Gem::Specification.new do |spec|
  spec.name = "statekeep"
  spec.version = StateKeep::VERSION
  spec.authors = ["StateKeep"]
  spec.summary = "Storage for what software agents must remember, on PostgreSQL"
  spec.description = "States of AI agents in PostgreSQL: one engine in C whose concurrent calls travel together, for " \
                     "threads and for fibers."
  spec.homepage = "https://github.com/statekeep/statekeep"
  spec.license = "MIT"
  spec.required_ruby_version = ">= 3.1"
  spec.metadata = { "rubygems_mfa_required" => "true" }
  spec.files = Dir.chdir(__dir__) do
    Dir["lib/**/*.rb", "sig/**/*.rbs", "ext/statekeep/{extconf.rb,core/**/*}", "README.md", "LICENSE"]
      .select { |path| File.file?(path) }
  end
  spec.extensions = ["ext/statekeep/extconf.rb"]
  spec.require_paths = ["lib"]
end

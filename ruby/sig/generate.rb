# frozen_string_literal: true

# Prints the signatures of the operations' methods, from the engine's catalogue.
require "statekeep"

TYPES = {
  "text" => "String | Symbol", "int" => "Integer", "bool" => "bool", "json" => "untyped",
  "time" => "Time | String", "bytes" => "String", "vector" => "Array[Numeric] | String"
}.freeze

def type(arg)
  type = TYPES.fetch(arg["type"])
  type = "Array[#{type}]" if arg["list"]
  return type unless arg["nullable"] && type != "untyped"

  type.include?("|") ? "(#{type})?" : "#{type}?"
end

def method(spec)
  keywords = spec["args"].map { |arg| "#{"?" if arg["nullable"]}#{arg["name"]}: #{type(arg)}" }
  keywords.push("?timeout: Numeric?", "?raw: bool")
  lines = spec["doc"].split("\n").map { |line| "      # #{line}" }
  [*lines, "      def #{spec["op"].split(".").last}: (#{keywords.join(", ")}) -> result"].join("\n")
end

nouns = StateKeep::Operations::CATALOG.group_by { |spec| spec["op"].split(".").first }
puts "# Made by `rake sig` from the engine's catalogue. Change the annotated SQL, not this."
puts "module StateKeep", "  class Store"
puts nouns.keys.map { |noun| "    def #{noun}: () -> Operations::#{StateKeep::Operations.nouns[noun].name[/\w+\z/]}" }.join("\n\n")
puts "  end", "", "  module Operations"
puts(nouns.map do |noun, specs|
  "    class #{StateKeep::Operations.nouns[noun].name[/\w+\z/]}\n#{specs.map { |spec| method(spec) }.join("\n\n")}\n    end"
end.join("\n\n"))
puts "  end", "end"

# frozen_string_literal: true

module SimpleAcp
  module Models
    # Where a part's content comes from.
    class CitationMetadata < Base
      attribute :kind, default: "citation"
      attribute :start_index
      attribute :end_index
      attribute :url
      attribute :title
      attribute :description

      def self.from_hash(hash)
        super if hash && pick(hash, "kind", :kind) == "citation"
      end
    end

    # A step of an agent's reasoning.
    class TrajectoryMetadata < Base
      attribute :kind, default: "trajectory"
      attribute :message
      attribute :tool_name
      attribute :tool_input
      attribute :tool_output

      def self.from_hash(hash)
        super if hash && pick(hash, "kind", :kind) == "trajectory"
      end
    end

    # A piece of a message: its content, or where that is.
    class MessagePart < Base
      attribute :name
      attribute :content_type, required: true
      attribute :content
      attribute :content_encoding, default: "plain"
      attribute :content_url
      attribute :metadata

      # @raise [ValidationError] when there is both content and a URL
      def initialize(**values)
        super
        validate!
      end

      class << self
        def from_hash(hash)
          hash && allocate.read(hash)
        end

        def text(content, name: nil)
          new(content_type: "text/plain", content: content, name: name)
        end

        # @param data [Object] a JSON value, or JSON text
        def json(data, name: nil)
          new(content_type: "application/json", content: data.is_a?(String) ? data : data.to_json, name: name)
        end

        # @param data [String] base64
        def image(data, mime_type: "image/png", name: nil)
          new(content_type: mime_type, content: data, content_encoding: "base64", name: name)
        end

        def from_url(url, content_type:, name: nil)
          new(content_type: content_type, content_url: url, name: name)
        end
      end

      def text?
        content_type&.start_with?("text/")
      end

      # Takes the attributes from a Hash. Metadata of an unknown kind is dropped.
      # @return [self]
      # @api private
      def read(hash)
        @name = hash["name"] || hash[:name]
        @content_type = hash["content_type"] || hash[:content_type]
        @content = hash["content"] || hash[:content]
        @content_encoding = hash["content_encoding"] || hash[:content_encoding] || "plain"
        @content_url = hash["content_url"] || hash[:content_url]
        metadata = hash["metadata"] || hash[:metadata]
        @metadata = metadata && (CitationMetadata.from_hash(metadata) || TrajectoryMetadata.from_hash(metadata))
        validate!
        self
      end

      private

      def validate!
        raise ValidationError, "MessagePart cannot have both content and content_url" if content && content_url
      end
    end

    # What a user or an agent said, in parts.
    class Message < Base
      attribute :role, required: true
      attribute :parts, default: -> { [] }
      attribute :created_at
      attribute :completed_at

      def initialize(**values)
        super
        @parts ||= []
        @created_at ||= Time.now
      end

      class << self
        def from_hash(hash)
          hash && allocate.read(hash)
        end

        # @param contents [Array<String, MessagePart, Hash, Object>] text, parts, parts as Hashes, or JSON values
        def user(*contents)
          new(role: "user", parts: contents.map { |content| part(content) })
        end

        # @param contents (see .user)
        def agent(*contents)
          new(role: "agent", parts: contents.map { |content| part(content) })
        end

        private

        def part(content)
          case content
          when MessagePart then content
          when String then MessagePart.text(content)
          when Hash then MessagePart.from_hash(content)
          else MessagePart.json(content)
          end
        end
      end

      def user?
        role == "user"
      end

      def agent?
        role == "agent" || role.to_s.start_with?("agent/")
      end

      # @param part [MessagePart, Hash]
      # @return [self]
      def add_part(part)
        parts << (part.is_a?(MessagePart) ? part : MessagePart.from_hash(part))
        self
      end

      # @return [self]
      def complete!
        @completed_at = Time.now
        self
      end

      def completed?
        !completed_at.nil?
      end

      # @return [String] the text parts, a line each
      def text_content
        parts.select(&:text?).map(&:content).join("\n")
      end

      # Takes the attributes from a Hash.
      # @return [self]
      # @api private
      def read(hash)
        @role = hash["role"] || hash[:role]
        @parts = (hash["parts"] || hash[:parts] || []).map { |part| MessagePart.from_hash(part) }
        @created_at = pick_time(hash, "created_at", :created_at)
        @completed_at = pick_time(hash, "completed_at", :completed_at)
        self
      end
    end
  end
end

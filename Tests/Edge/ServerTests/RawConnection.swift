
/// A TCP connection on which a test says exactly what it likes.
final class RawConnection {
    private let channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>
    /// Only the test's own task reads.
    private nonisolated(unsafe) var inbound: NIOAsyncChannelInboundStream<ByteBuffer>.AsyncIterator
    private let outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>

    private init(
        _ channel: NIOAsyncChannel<ByteBuffer, ByteBuffer>, _ inbound: NIOAsyncChannelInboundStream<ByteBuffer>,
        _ outbound: NIOAsyncChannelOutboundWriter<ByteBuffer>
    ) {
        (self.channel, self.inbound, self.outbound) = (channel, inbound.makeAsyncIterator(), outbound)
    }

    static func open<R>(
        _ port: Int, receiveBuffer: Int? = nil, _ body: (RawConnection) async throws -> R
    ) async throws -> R {
        var bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton)
        if let receiveBuffer {
            bootstrap = bootstrap.channelOption(.socketOption(.so_rcvbuf), value: .init(receiveBuffer))
        }
        let channel = try await bootstrap.connect(host: "127.0.0.1", port: port) { channel in
            channel.eventLoop.makeCompletedFuture {
                try NIOAsyncChannel<ByteBuffer, ByteBuffer>(
                    wrappingChannelSynchronously: channel,
                    // Reads only as much as the test takes.
                    configuration: .init(backPressureStrategy: .init(lowWatermark: 1, highWatermark: 1)))
            }
        }
        return try await channel.executeThenClose { inbound, outbound in
            try await body(RawConnection(channel, inbound, outbound))
        }
    }

    func send(_ text: String) async throws { try await outbound.write(ByteBuffer(string: text)) }

    /// Sends it again and again, until the task is cancelled or the other side closes.
    func trickle(_ text: String) -> Task<Void, any Error> {
        Task { [outbound] in
            while !Task.isCancelled {
                try await Task.sleep(for: .milliseconds(100))
                try await outbound.write(ByteBuffer(string: text))
            }
        }
    }

    /// What comes next; `nil` when the other side has closed.
    func receive() async -> String? {
        do {
            return try await inbound.next().map { String(buffer: $0) }
        } catch {
            return nil
        }
    }

    /// What comes until the text is there, or the other side closes.
    func receive(until end: String) async -> String {
        var all = ""
        while !all.contains(end), let next = await receive() { all += next }
        return all
    }

    /// Everything until the other side closes.
    func receiveAll() async -> Int {
        var count = 0
        while let next = await receive() { count += next.utf8.count }
        return count
    }
}

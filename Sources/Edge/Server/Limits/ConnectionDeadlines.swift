import FoundationEssentials
import NIOCore
import NIOHTTP1

/// How long a connection may take for each part of an exchange.
struct ExchangeTimes: Sendable {
    let head: TimeAmount
    let body: TimeAmount
    let write: TimeAmount

    init(_ limits: LimitSettings) {
        head = .nanoseconds(Int64(limits.headerTimeout * 1e9))
        body = .nanoseconds(Int64(limits.bodyTimeout * 1e9))
        write = .nanoseconds(Int64(limits.writeTimeout * 1e9))
    }
}

/// Cuts a connection whose caller is too slow: with a request's head or body, or in taking the reply.
///
/// Stands before everything else, also before TLS, so that a handshake that never ends counts as a head that never
/// ends, and that a cut needs nobody's consent. `RequestBoundaries` tells it where requests begin and end. Silence
/// between requests is `http.idle_timeout`'s.
final class ConnectionDeadlines: ChannelDuplexHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundIn = ByteBuffer

    private enum Part: CaseIterable { case head, body, write }

    private let times: ExchangeTimes
    private let counters: LimitCounters
    private var due: [Part: NIODeadline] = [:]
    private var requestsInProgress = 0
    private var isReadingRequest = false
    private var unwritten = 0
    private var timer: (at: NIODeadline, task: Scheduled<Void>)?
    private var context: ChannelHandlerContext?

    init(times: ExchangeTimes, counters: LimitCounters) {
        self.times = times
        self.counters = counters
    }

    // MARK: What the connection does

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        if context.channel.isActive { expect(.head, within: times.head) }
    }

    func handlerRemoved(context: ChannelHandlerContext) { stop() }

    func channelActive(context: ChannelHandlerContext) {
        expect(.head, within: times.head)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        stop()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        // While a request is in progress the next one's bytes may wait here through no fault of the caller's.
        if requestsInProgress == 0, !isReadingRequest, due[.head] == nil { expect(.head, within: times.head) }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let promise = promise ?? context.eventLoop.makePromise()
        unwritten += 1
        promise.futureResult.assumeIsolated().whenComplete { _ in self.wrote() }
        context.write(data, promise: promise)
    }

    func flush(context: ChannelHandlerContext) {
        context.flush()
        // What the kernel took at once has been counted off by now.
        if unwritten > 0, due[.write] == nil { expect(.write, within: times.write) }
    }

    private func wrote() {
        unwritten -= 1
        guard due[.write] != nil else { return }
        due[.write] = nil
        if unwritten > 0 { expect(.write, within: times.write) }
    }

    // MARK: Where requests begin and end

    fileprivate func headArrived() {
        due[.head] = nil
        requestsInProgress += 1
        isReadingRequest = true
        if requestsInProgress == 1 { expect(.body, within: times.body) }
    }

    fileprivate func requestEnded() {
        isReadingRequest = false
        due[.body] = nil
    }

    fileprivate func replyEnded() {
        requestsInProgress -= 1
        if isReadingRequest, requestsInProgress == 1 { expect(.body, within: times.body) }
    }

    // MARK: Time

    private func expect(_ part: Part, within time: TimeAmount) {
        guard let context else { return }
        due[part] = .now() + time
        arm(context)
    }

    /// A timer that is due sooner is left alone: it looks again when it fires, which saves one for each request.
    private func arm(_ context: ChannelHandlerContext) {
        guard let next = due.values.min() else { return }
        if let timer {
            guard timer.at > next else { return }
            timer.task.cancel()
        }
        timer = (
            next,
            context.eventLoop.assumeIsolated().scheduleTask(deadline: next) {
                self.timer = nil
                self.look()
            }
        )
    }

    private func look() {
        guard let context else { return }
        let now = NIODeadline.now()
        guard let late = Part.allCases.first(where: { due[$0].map { $0 <= now } ?? false }) else { return arm(context) }
        switch late {
        case .head: counters.count(.headerTimeout)
        case .body: counters.count(.bodyTimeout)
        case .write: counters.count(.writeTimeout)
        }
        stop()
        context.close(promise: nil)
    }

    private func stop() {
        timer?.task.cancel()
        timer = nil
        due = [:]
        context = nil
    }
}

/// Tells `ConnectionDeadlines` where requests begin and end. Stands behind HTTP's decoder.
final class RequestBoundaries: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart

    private let deadlines: ConnectionDeadlines

    init(_ deadlines: ConnectionDeadlines) { self.deadlines = deadlines }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head: deadlines.headArrived()
        case .body: break
        case .end: deadlines.requestEnded()
        }
        context.fireChannelRead(data)
    }

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .end = unwrapOutboundIn(data) { deadlines.replyEnded() }
        context.write(data, promise: promise)
    }
}

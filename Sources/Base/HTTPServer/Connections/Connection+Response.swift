import HTTP

/// Requests handed to the handler, and its responses written.
extension Connection {
    /// Over this, whoever writes a response waits.
    private static let watermark = 65_536

    func begin(_ head: RequestHead) {
        let exchange = Exchange(head)
        exchange.closes = exchange.closes || worker.closesConnections
        (self.exchange, phase, hasServed) = (exchange, .exchange, true)
        expect(.nothing)
        worker.taskBegan()
        let request = IncomingRequest(
            head: head.request, body: IncomingBody(self, exchange), peer: peer, listener: listener, tls: tlsPeer)
        exchange.task = Task(executorPreference: loop) { [self] in
            let response = await service.handler(request)
            if case .stream(_, let write) = response.body, mayStream(response, exchange) {
                await stream(response, exchange, write)
            } else if loop.isCurrent {
                // Where a handler ends is the loop, unless it asked for another place.
                respond(exchange, response)
            } else {
                loop.execute { self.respond(exchange, response) }
            }
            if loop.isCurrent { worker.taskEnded() } else { loop.execute { self.worker.taskEnded() } }
        }
    }

    private func mayStream(_ response: OutgoingResponse, _ exchange: Exchange) -> Bool {
        exchange.head.request.method != .head && !response.status.hasNoBody
    }

    private func stream(
        _ response: OutgoingResponse, _ exchange: Exchange, _ write: @Sendable (BodyWriter) async throws -> Void
    ) async {
        loop.perform { self.respond(exchange, response) }
        let isWhole: Bool
        do {
            try await write(BodyWriter(connection: self, exchange: exchange))
            isWhole = true
        } catch {
            isWhole = false
        }
        loop.perform { self.endStream(exchange, isWhole: isWhole) }
    }

    // MARK: Responses, on the loop

    private func respond(_ exchange: Exchange, _ response: OutgoingResponse) {
        guard self.exchange === exchange, phase == .exchange else { return }
        if case .stream = response.body, mayStream(response, exchange) {
            exchange.response = .streaming
        } else {
            exchange.response = .complete
        }
        guard !isDead else {
            if exchange.response == .complete { close() }
            return
        }
        exchange.closes = exchange.closes || worker.closesConnections
        letGo(of: exchange)
        write(response, exchange)
        advance()
    }

    private func write(_ response: OutgoingResponse, _ exchange: Exchange) {
        let framing = framing(of: response, exchange)
        var bytes: [UInt8] = []
        do {
            try bytes.appendResponse(
                response, date: loop.date, framing: framing, closes: exchange.closes,
                keptFor: exchange.head.asksToKeepAlive ? service.configuration.idleTimeout : nil)
        } catch {
            service.observe(.unwritable(error))
            exchange.response = .complete
            exchange.closes = true
            bytes = []
            let sentence = OutgoingResponse(
                status: .internalServerError, text: "The server's answer could not be written.\n")
            try? bytes.appendResponse(sentence, date: loop.date, framing: .ended)
            return emit(bytes)
        }
        guard exchange.head.request.method != .head, case .bytes(let body) = response.body,
            !response.status.hasNoBody
        else { return emit(bytes) }
        if body.count <= 16_384 {
            bytes.append(contentsOf: body)
            emit(bytes)
        } else {
            emit(bytes, hasMore: true)
            emit(body)
        }
    }

    /// Sends it, behind what is still to be taken.
    func emit(_ bytes: [UInt8], hasMore: Bool = false) {
        guard !isDead else { return }
        guard output.isEmpty, mayWrite else { return output.append(bytes) }
        guard let sent = send(bytes[...], hasMore: hasMore) else { return hangUp() }
        guard sent < bytes.count else { return }
        output.append(bytes, taken: sent)
        flush()
    }

    private func framing(of response: OutgoingResponse, _ exchange: Exchange) -> ResponseFraming {
        guard !response.status.hasNoBody else { return .none }
        switch response.body {
        case .bytes(let bytes): return .length(bytes.count)
        case .stream(let length?, _):
            exchange.unwritten = length
            return .length(length)
        case .stream(nil, _):
            guard exchange.head.isHTTP10 else {
                exchange.isChunked = true
                return .chunked
            }
            return .none
        }
    }

    /// A piece of a streamed body.
    func write(_ bytes: [UInt8], of exchange: Exchange, _ continuation: UnsafeContinuation<Bool, Never>) {
        guard self.exchange === exchange, phase == .exchange, !isDead, exchange.response == .streaming,
            bytes.count <= exchange.unwritten ?? .max
        else { return continuation.resume(returning: false) }
        if let unwritten = exchange.unwritten { exchange.unwritten = unwritten - bytes.count }
        if exchange.isChunked {
            var chunk: [UInt8] = []
            chunk.reserveCapacity(bytes.count + 16)
            chunk.appendChunk(bytes)
            emit(chunk)
        } else {
            emit(bytes)
        }
        guard !isDead else { return continuation.resume(returning: false) }
        guard output.count >= Self.watermark else { return continuation.resume(returning: true) }
        exchange.writer = continuation
        advance()
    }

    private func endStream(_ exchange: Exchange, isWhole: Bool) {
        guard self.exchange === exchange, phase == .exchange, exchange.response == .streaming else { return }
        exchange.response = .complete
        // The client learns that it has not all of it by the connection's end.
        guard isWhole, !isDead, exchange.unwritten ?? 0 == 0 else { return cut() }
        if exchange.isChunked {
            var last: [UInt8] = []
            last.appendLastChunk()
            emit(last)
        }
        advance()
    }

    func flush() {
        guard let sent = output.write({ send($0, hasMore: $1) }) else { return hangUp() }
        if output.isEmpty {
            expectNoTaking()
        } else {
            mayWrite = false
            output.noteHeld(socket)
            if sent > 0 || !isWaitingForTaking { expectTaking() }
        }
        guard output.count < Self.watermark, let exchange, let writer = exchange.writer else { return }
        exchange.writer = nil
        writer.resume(returning: true)
    }

    /// Goes on with the body, and with the next request once this one is over.
    func goOnWithExchange() {
        guard let exchange, !isDead else { return }
        switch exchange.body {
        case .collecting(let collecting): collect(collecting, exchange)
        case .draining(let allowed): drain(exchange, allowed)
        case .untouched, .complete, .broken: break
        }
        guard exchange.response == .complete, output.isEmpty, !isDead else { return }
        switch exchange.body {
        case .complete, .broken: end(exchange)
        case .untouched, .collecting, .draining: break
        }
    }

    private func end(_ exchange: Exchange) {
        if case .broken = exchange.body { mustLinger = true }
        finish(exchange)
        mustAdvance = true
        guard exchange.closes else {
            phase = .head
            reader = RequestReader(service.configuration.head)
            return expect(.request, within: service.times.idle)
        }
        phase = .ending
    }

    func finish(_ exchange: Exchange) {
        failWaiting(exchange)
        giveBack(exchange)
        self.exchange = nil
    }
}

/// How a response's body ends.
enum ResponseFraming {
    case length(Int)
    case chunked
    /// With the connection, or there is none.
    case none
    /// By its length, and the connection ends.
    case ended
}

extension [UInt8] {
    /// Appends the head of a response, and for ``ResponseFraming/ended`` its body.
    mutating func appendResponse(
        _ response: OutgoingResponse, date: [UInt8], framing: ResponseFraming, closes: Bool = false,
        keptFor idle: Duration? = nil
    ) throws(UnwritableField) {
        reserveCapacity(512)
        appendStatusLine(response.status)
        for field in response.headers {
            switch field.name {
            case .contentLength, .transferEncoding, .connection, .keepAlive, .date: continue
            default: try appendField(field.name, field.value)
            }
        }
        var (closes, body): (Bool, [UInt8]) = (closes, [])
        switch framing {
        case .length(let count): appendContentLength(count)
        case .chunked: append(contentsOf: "Transfer-Encoding: chunked\r\n".utf8)
        case .none: break
        case .ended:
            if case .bytes(let bytes) = response.body { body = bytes }
            appendContentLength(body.count)
            closes = true
        }
        append(contentsOf: date)
        if closes {
            append(contentsOf: "Connection: close\r\n".utf8)
        } else if let idle {
            append(contentsOf: "Connection: keep-alive\r\nKeep-Alive: timeout=\(idle.components.seconds)\r\n".utf8)
        }
        appendLineEnd()
        append(contentsOf: body)
    }
}

import HTTP

/// Requests handed to the handler, and its responses written.
extension Connection {
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
            // A handler ends on the loop, unless it chose another executor.
            if loop.isCurrent {
                respond(exchange, response)
                worker.taskEnded()
            } else {
                loop.execute {
                    self.respond(exchange, response)
                    self.worker.taskEnded()
                }
            }
        }
    }

    // MARK: Responses, on the loop

    private func respond(_ exchange: Exchange, _ response: OutgoingResponse) {
        guard self.exchange === exchange, phase == .exchange else { return }
        exchange.hasResponse = true
        guard !isDead else { return close() }
        exchange.closes = exchange.closes || worker.closesConnections
        letGo(of: exchange)
        write(response, exchange)
        advance()
    }

    private func write(_ response: OutgoingResponse, _ exchange: Exchange) {
        var (bytes, response): ([UInt8], OutgoingResponse) = ([], response)
        do {
            try bytes.appendHead(
                of: response, date: loop.date, closes: exchange.closes,
                keptFor: exchange.head.asksToKeepAlive ? service.configuration.idleTimeout : nil)
        } catch {
            service.observe(.unwritable(error))
            exchange.closes = true
            bytes = []
            response = OutgoingResponse(
                status: .internalServerError, text: "The server's answer could not be written.\n")
            try? bytes.appendHead(of: response, date: loop.date, closes: true)
        }
        guard exchange.head.request.method != .head, !response.status.hasNoBody else { return emit(bytes) }
        if response.body.count <= 16_384 {
            bytes.append(contentsOf: response.body)
            emit(bytes)
        } else {
            emit(bytes, hasMore: true)
            emit(response.body)
        }
    }

    /// Sends the bytes, after those that are queued.
    func emit(_ bytes: [UInt8], hasMore: Bool = false) {
        guard !isDead else { return }
        guard output.isEmpty, mayWrite else { return output.append(bytes) }
        guard let sent = send(bytes[...], hasMore: hasMore) else { return hangUp() }
        guard sent < bytes.count else { return }
        output.append(bytes, taken: sent)
        flush()
    }

    func flush() {
        guard let sent = output.write({ send($0, hasMore: $1) }) else { return hangUp() }
        guard !output.isEmpty else { return endWriteDeadline() }
        mayWrite = false
        output.noteHeld(socket)
        if sent > 0 || !hasWriteDeadline { setWriteDeadline() }
    }

    /// Goes on with the body, and with the next request once this one is over.
    func goOnWithExchange() {
        guard let exchange, !isDead else { return }
        switch exchange.body {
        case .collecting(let collecting): collect(collecting, exchange)
        case .draining(let allowed): drain(exchange, allowed)
        case .untouched, .complete, .broken: break
        }
        guard exchange.hasResponse, output.isEmpty, !isDead else { return }
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
        failCollecting(exchange)
        giveBack(exchange)
        self.exchange = nil
    }
}

extension [UInt8] {
    /// Appends a response's head, with the fields of the connection and of the body's length.
    ///
    /// - Parameters:
    ///   - date: the line `Date: …`.
    ///   - idle: the connection's idle timeout, for a client that asked to keep it alive.
    mutating func appendHead(
        of response: OutgoingResponse, date: [UInt8], closes: Bool, keptFor idle: Duration? = nil
    ) throws(UnwritableField) {
        reserveCapacity(512)
        appendStatusLine(response.status)
        for field in response.headers {
            switch field.name {
            case .contentLength, .transferEncoding, .connection, .keepAlive, .date: continue
            default: try appendField(field.name, field.value)
            }
        }
        if !response.status.hasNoBody { appendContentLength(response.body.count) }
        append(contentsOf: date)
        if closes {
            append(contentsOf: "Connection: close\r\n".utf8)
        } else if let idle {
            append(contentsOf: "Connection: keep-alive\r\nKeep-Alive: timeout=\(idle.components.seconds)\r\n".utf8)
        }
        appendLineEnd()
    }
}

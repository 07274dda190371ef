import HTTP

/// A request's body: collected for the handler, or discarded after a response without it.
extension Connection {
    private static let piece = 65_536

    /// The body, if it was received with its head.
    func bodyAtHand(of exchange: Exchange, upTo longest: Int) throws(BodyFailure) -> [UInt8]? {
        guard case .untouched = exchange.body, self.exchange === exchange, !isDead,
            case .bytes(let length) = exchange.head.bodyLength, length <= longest, input.count >= length,
            take(length, for: exchange)
        else { return nil }
        let body = length == input.count ? input : Array(input[..<length])
        consume(length)
        (exchange.left, exchange.body) = (0, .complete)
        return body
    }

    func collectBody(
        of exchange: Exchange, upTo longest: Int, from sender: IPAddress?,
        _ continuation: UnsafeContinuation<Result<[UInt8], BodyFailure>, Never>
    ) {
        func fail(_ failure: BodyFailure) { continuation.resume(returning: .failure(failure)) }
        guard self.exchange === exchange, !isDead else { return fail(.connectionEnded) }
        guard case .untouched = exchange.body else { return fail(.alreadyRead) }
        exchange.sender = sender?.limited
        if case .bytes(let length) = exchange.head.bodyLength {
            guard length <= longest else { return fail(.tooLong(longest)) }
            if length <= BodyBudget.short, !take(length, for: exchange) { return fail(.noRoom) }
        }
        let collecting = Exchange.Collecting(longest, continuation)
        exchange.body = .collecting(collecting)
        if exchange.head.expectsContinue, input.isEmpty, !exchange.hasContinued {
            emit(Array("HTTP/1.1 100 Continue\r\n\r\n".utf8))
        }
        exchange.hasContinued = true
        beginBody(exchange)
        advance()
    }

    /// Starts the body's deadline.
    func beginBody(_ exchange: Exchange) {
        (exchange.bodyStart, exchange.received) = (loop.now, 0)
        expectBody(exchange)
    }

    /// Extends the deadline by the received bytes, at the least rate.
    private func expectBody(_ exchange: Exchange) {
        let earned = UInt64(exchange.received) * 1_000_000_000 / UInt64(max(1, service.configuration.leastBodyRate))
        expect(.body, until: exchange.bodyStart + service.times.body + earned)
    }

    // MARK: Collecting

    func collect(_ collecting: Exchange.Collecting, _ exchange: Exchange) {
        do {
            let isWhole =
                exchange.head.bodyLength == .chunked
                ? try collectChunks(collecting, exchange) : try collectBytes(collecting, exchange)
            guard isWhole else { return expectBody(exchange) }
            exchange.body = .complete
            expect(.nothing)
            collecting.continuation.resume(returning: .success(collecting.bytes))
        } catch {
            fail(collecting, exchange, error)
        }
    }

    private func fail(_ collecting: Exchange.Collecting, _ exchange: Exchange, _ failure: BodyFailure) {
        expect(.nothing)
        switch failure {
        case .malformed(let fault):
            service.observe(.malformed(fault, peer))
            exchange.body = .broken
            exchange.closes = true
        case .noRoom:
            service.observe(.bodyRefused(peer))
            fallthrough
        default:
            // `letGo` discards the rest after the response.
            exchange.body = .untouched
        }
        collecting.bytes = []
        giveBack(exchange)
        collecting.continuation.resume(returning: .failure(failure))
    }

    /// - Returns: whether the body is complete.
    private func collectBytes(
        _ collecting: Exchange.Collecting, _ exchange: Exchange
    ) throws(BodyFailure) -> Bool {
        while exchange.left > 0 {
            if !input.isEmpty {
                let count = min(input.count, exchange.left)
                collecting.bytes.append(contentsOf: input.prefix(count))
                consume(count)
                try note(count, of: exchange)
                continue
            }
            let count = min(exchange.left, Self.piece)
            makeRoom(in: collecting, for: count, of: exchange.left)
            switch receive(into: &collecting.bytes, atMost: count) {
            case .some(let count): try note(count, of: exchange)
            case .nothing: return false
            case .end: throw .malformed(Self.endsEarly)
            }
        }
        return true
    }

    /// Doubles the capacity, up to the body's length.
    private func makeRoom(in collecting: Exchange.Collecting, for count: Int, of left: Int) {
        let have = collecting.bytes.count
        guard collecting.bytes.capacity - have < count else { return }
        collecting.bytes.reserveCapacity(min(have + left, max(2 * have, have + count)))
    }

    private func note(_ count: Int, of exchange: Exchange) throws(BodyFailure) {
        exchange.left -= count
        exchange.received += count
        if case .bytes(let length) = exchange.head.bodyLength, length <= BodyBudget.short { return }
        guard take(count, for: exchange) else { throw .noRoom }
    }

    private func collectChunks(
        _ collecting: Exchange.Collecting, _ exchange: Exchange
    ) throws(BodyFailure) -> Bool {
        while true {
            var position = 0
            do {
                pieces: while true {
                    switch try exchange.chunks.next(in: input, at: &position) {
                    case .data(let range):
                        guard collecting.bytes.count + range.count <= collecting.longest else {
                            consume(position)
                            throw BodyFailure.tooLong(collecting.longest)
                        }
                        collecting.bytes.append(contentsOf: input[range])
                        exchange.received += range.count
                        guard take(range.count, for: exchange) else {
                            consume(position)
                            throw BodyFailure.noRoom
                        }
                    case .incomplete: break pieces
                    case .end:
                        consume(position)
                        return true
                    }
                }
            } catch let fault as MalformedMessage {
                throw .malformed(fault)
            } catch let failure as BodyFailure {
                throw failure
            } catch {
                throw .connectionEnded
            }
            consume(position)
            switch receiveInput(atMost: Self.piece) {
            case .some: continue
            case .nothing: return false
            case .end: throw .malformed(Self.endsEarly)
            }
        }
    }

    private static let endsEarly = MalformedMessage(.end, "The body ends before its length, or before its last chunk.")

    // MARK: Discarding

    /// Discards the unread rest of a body, or has the connection end, before the response is written.
    func letGo(of exchange: Exchange) {
        if case .collecting(let collecting) = exchange.body { fail(collecting, exchange, .connectionEnded) }
        guard case .untouched = exchange.body else { return }
        // A client that expects 100 may send the body after another response, or the next request instead.
        let isUncertain = exchange.head.expectsContinue && !exchange.hasContinued
        guard !isUncertain, exchange.left <= service.configuration.drained, !exchange.closes else {
            (exchange.body, exchange.closes) = (.broken, true)
            return
        }
        exchange.body = .draining(left: service.configuration.drained)
        beginBody(exchange)
    }

    func drain(_ exchange: Exchange, _ allowed: Int) {
        let isOver =
            exchange.head.bodyLength == .chunked ? drainChunks(exchange, allowed) : drainBytes(exchange)
        switch isOver {
        case .some(true):
            exchange.body = .complete
            expect(.nothing)
        case .some(false): expectBody(exchange)
        case .none:
            (exchange.body, exchange.closes) = (.broken, true)
            expect(.nothing)
        }
    }

    /// - Returns: whether the end was reached; nil when the connection must end.
    private func drainBytes(_ exchange: Exchange) -> Bool? {
        let count = min(input.count, exchange.left)
        if count > 0 {
            consume(count)
            exchange.left -= count
        }
        while exchange.left > 0 {
            switch discard(exchange.left) {
            case .some(let count):
                exchange.left -= count
                exchange.received += count
            case .nothing: return false
            case .end: return nil
            }
        }
        return true
    }

    private func drainChunks(_ exchange: Exchange, _ allowed: Int) -> Bool? {
        var allowed = allowed
        while true {
            var position = 0
            pieces: while true {
                switch try? exchange.chunks.next(in: input, at: &position) {
                case .data(let range): exchange.received += range.count
                case .incomplete: break pieces
                case .end:
                    consume(position)
                    return true
                case nil: return nil
                }
            }
            allowed -= position
            guard allowed > 0 else { return nil }
            consume(position)
            exchange.body = .draining(left: allowed)
            switch receiveInput(atMost: 16_384) {
            case .some: continue
            case .nothing: return false
            case .end: return nil
            }
        }
    }

    // MARK: Memory

    /// Bytes are taken as they arrive: the announcement of a long body takes nothing from others.
    private func take(_ count: Int, for exchange: Exchange) -> Bool {
        guard service.budget.take(count) else { return false }
        exchange.budget += count
        guard exchange.budget > service.configuration.longBody else { return true }
        let rest = exchange.budget - exchange.longBudget
        guard service.longBudget.take(rest, for: exchange.sender) else { return false }
        exchange.longBudget += rest
        return true
    }

    func giveBack(_ exchange: Exchange) {
        guard exchange.budget > 0 else { return }
        service.budget.giveBack(exchange.budget)
        if exchange.longBudget > 0 { service.longBudget.giveBack(exchange.longBudget, for: exchange.sender) }
        (exchange.budget, exchange.longBudget) = (0, 0)
    }

    /// Ends the handler's waiting for a body, as the connection has ended.
    func failCollecting(_ exchange: Exchange) {
        guard case .collecting(let collecting) = exchange.body else { return }
        exchange.body = .broken
        collecting.bytes = []
        collecting.continuation.resume(returning: .failure(.connectionEnded))
    }
}

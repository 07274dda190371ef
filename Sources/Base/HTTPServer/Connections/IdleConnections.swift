/// The connections of a loop that wait between requests, the longest wait first: a linked list, as connections enter and
/// leave it with each request.
struct IdleConnections {
    private(set) var first: Connection?
    private var last: Connection?

    /// - Parameter connection: in no list. It must be removed before it is released.
    mutating func append(_ connection: Connection) {
        connection.idleBefore = last
        if let last { last.idleAfter = connection } else { first = connection }
        last = connection
    }

    mutating func remove(_ connection: Connection) {
        let (before, after) = (connection.idleBefore, connection.idleAfter)
        (connection.idleBefore, connection.idleAfter) = (nil, nil)
        if let before { before.idleAfter = after } else { first = after }
        if let after { after.idleBefore = before } else { last = before }
    }
}

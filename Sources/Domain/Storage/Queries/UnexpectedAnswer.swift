/// Something that the schema does not allow was in the database, or its answer had another form than asked for.
struct UnexpectedAnswer: Error, CustomStringConvertible {
    let description: String
}

namespace OrleansGateway.Protocols.Exchange;

/// <summary>Something that a provider keeps and a request names.</summary>
/// <param name="Path">Where in the request, for errors.</param>
/// <param name="Id">Its id, as the client has it.</param>
public readonly record struct HeldReference(string Path, string Id);

namespace OrleansGateway.Edge.Accounting;

/// <summary>Whether there is a silo that could answer: where there is none, nobody needs to wait for one.</summary>
internal interface ISiloLink
{
    bool IsUp { get; }
}

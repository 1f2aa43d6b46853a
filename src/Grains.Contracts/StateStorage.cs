namespace OrleansGateway.Grains.Contracts;

/// <summary>Under which names the states of grains are stored; a changed name would not find what is stored.</summary>
public static class StateStorage
{
    /// <summary>What a grain's <c>[PersistentState]</c> names as its storage, and the host's service is keyed by.</summary>
    public const string Name = "state";

    /// <summary>Orleans' service id: stays the same for an installation's whole life, whatever its cluster id.</summary>
    public const string ServiceId = "orleansgateway";
}

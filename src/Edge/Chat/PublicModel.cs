using OrleansGateway.Protocols.Json;

namespace OrleansGateway.Edge.Chat;

/// <summary>The model's name in answers: the provider's own, unless the catalog gives the model another name than its provider.</summary>
internal static class PublicModel
{
    /// <summary>The public name as a JSON string; empty leaves the provider's.</summary>
    public static ReadOnlyMemory<byte> JsonFor(ChatCall call) =>
        call.Route!.UpstreamModel == call.Bound.Model.Id ? default : JsonBytes.Quote(call.Bound.Model.Id);
}

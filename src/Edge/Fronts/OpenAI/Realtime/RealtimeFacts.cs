using OrleansGateway.Protocols.Exchange;

namespace OrleansGateway.Edge.Fronts.OpenAI.Realtime;

/// <summary>What bounds a response, or a transcription, of a session: its input is no part of it, so the model's window does.</summary>
internal sealed class RealtimeFacts : RequestFacts
{
    public RealtimeFacts(string model, ChargedBy chargedBy)
    {
        Model = model;
        Stream = true;
        HasUnsizedInput = true;
        Seconds = chargedBy == ChargedBy.Hearing ? RealtimeEndpoint.SessionSecondsMax : 0;
        ChargedBy = chargedBy;
    }

    public override ChargedBy ChargedBy { get; }

    public override string ChoicesField => "n";

    public override string MaxOutputField => "max_output_tokens";
}

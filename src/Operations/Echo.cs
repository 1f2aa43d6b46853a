namespace OrleansGateway.Operations;

/// <summary>What a message repeats of a request.</summary>
internal static class Echo
{
    private const int LengthMax = 100;

    /// <summary>The text, or its first 100 characters: a message must not be as long as the request that it is about.</summary>
    public static string Of(string text) => text.Length <= LengthMax ? text : $"{text[..EndBefore(text, LengthMax)]}…";

    /// <summary>Never between the two halves of a character.</summary>
    private static int EndBefore(string text, int length) => char.IsHighSurrogate(text[length - 1]) ? length - 1 : length;
}

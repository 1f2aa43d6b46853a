namespace OrleansGateway.Protocols.OpenAI;

/// <summary>An error as clients of OpenAI's endpoints see it.</summary>
/// <param name="Status">The HTTP status to answer with.</param>
/// <param name="Message">What went wrong and what to do about it.</param>
/// <param name="Type">The error's class, such as <c>invalid_request_error</c>.</param>
/// <param name="Param">The request's field that is at fault, if it is one.</param>
/// <param name="Code">The error's exact kind, if it has one.</param>
public readonly record struct OpenAIError(int Status, string Message, string Type, string? Param = null, string? Code = null)
{
    internal const string InvalidRequest = "invalid_request_error";

    /// <summary>A 400 <c>invalid_request_error</c>.</summary>
    public static OpenAIError BadRequest(string message, string? param = null, string? code = null) =>
        new(400, message, InvalidRequest, param, code);

    /// <summary>A 404: the request names something that its client was not given.</summary>
    public static OpenAIError NotFound(string message, string param, string code = "not_found") => new(404, message, InvalidRequest, param, code);
}

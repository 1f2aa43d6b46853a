using OrleansGateway.Grains.Contracts.Catalog;
using OrleansGateway.Protocols.OpenAI;

namespace OrleansGateway.Edge.Chat;

/// <summary>What is wrong with a request because of the model that it names.</summary>
internal static class ModelErrors
{
    public static OpenAIError NotFound(string name) => new(
        404,
        $"The model '{(name.Length <= 100 ? name : name[..100] + "…")}' does not exist here. GET /v1/models lists those that do.",
        "invalid_request_error",
        "model",
        "model_not_found");

    /// <summary>Refuses limits that the model does not have; null when all is well.</summary>
    public static OpenAIError? BeyondModel(ChatRequest request, Model model)
    {
        if (request.Choices > model.MaxChoices)
        {
            return OpenAIError.BadRequest(
                $"Invalid 'n': integer above maximum value. Expected a value <= {model.MaxChoices}.", "n", "integer_above_max_value");
        }

        var field = request.OutputLimitField == OutputLimitField.MaxTokens ? "max_tokens" : "max_completion_tokens";
        return request.MaxOutputTokens > model.MaxOutputTokens
            ? OpenAIError.BadRequest(
                $"{field} is too large: {request.MaxOutputTokens}. This model supports at most {model.MaxOutputTokens} completion tokens.",
                field,
                "invalid_value")
            : null;
    }
}
